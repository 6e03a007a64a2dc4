"""A small release: what matters of the real one's shape, beside what is not to be kept of it."""

from collections.abc import Callable
from pathlib import Path

APPLICATION = "app.bundle.0123456789abcdef.js"
HONEST = {
    "package/LICENSE": b"MIT",
    f"package/dist/{APPLICATION}": b'x;__webpack_require__.p = "/";const mrn = qidoForStudyUID[0].mrn;',
    "package/dist/app.bundle.css": b"@font-face{src:url(/0123456789abcdef.woff2)}",
    "package/dist/0123456789abcdef.wasm": b"\0asm",
    "package/dist/assets/images/CT-Bone.png": b"png",
    "package/dist/index.html": b"<script>inline()</script>",
    "package/dist/app-config.js": b"window.config = {elsewhere: 'https://example.org'}",
    "package/dist/sw.js": b"importScripts('https://example.org/x.js')",
    "package/dist/1.bundle.0123456789abcdef.js.map": b"{}",
    "package/dist/ort/ort.js": b"onnx",
    "package/package.json": b"{}",
}
Packed = Callable[[dict[str, bytes]], Path]
