// The page: whose study it is, its series, and the tools around the picture.
"use strict";

import * as dicom from "./dicomweb.js";
import { Stage } from "./stage.js";
import * as waveform from "./tracing.js";

const CT_WINDOWS = [
  { zh: "肺窗", en: "Lung", center: -600, width: 1500 },
  { zh: "纵隔窗", en: "Mediastinum", center: 40, width: 400 },
  { zh: "骨窗", en: "Bone", center: 450, width: 1800 },
  { zh: "脑窗", en: "Brain", center: 40, width: 80 },
  { zh: "腹窗", en: "Abdomen", center: 50, width: 350 },
];
const SEXES = { M: "男", F: "女", O: "其他" };
// Instance Availability (PS3.3 C.4.23.1.1) of studies that another archive keeps.
const ELSEWHERE = { NEARLINE: "存于送检医院，打开时调取 kept at the hospital, fetched when opened",
  OFFLINE: "存于送检医院，暂时无法连接 kept at the hospital, which does not answer now",
  UNAVAILABLE: "送检医院已不再保存 the hospital keeps it no more" };
const NO_THUMBNAIL = new Set(["DOC", "ECG", "KO", "PR", "SR"]);
const $ = (id) => document.getElementById(id);
const asked = new URLSearchParams(location.search);
const stage = new Stage($("picture"), (text) => { $("told").textContent = text; }, tell);
const tracing = new waveform.Tracing($("tracing"), (text) => { $("window").textContent = text; });
let chosen = null;

// An element of text; records never become markup.
function made(tag, text, className) {
  const element = document.createElement(tag);
  element.textContent = text;
  if (className) element.className = className;
  return element;
}

const day = (text) => (text.length === 8 ? `${text.slice(0, 4)}-${text.slice(4, 6)}-${text.slice(6)}` : text);

function tell() {
  const { picture, pictures, at } = stage;
  $("place").textContent = picture ? `${at + 1} / ${pictures.length}` : "";
  $("window").textContent = picture && picture.grey && (stage.window || picture.width)
    ? `窗宽 W ${stage.windowed().width}　窗位 L ${stage.windowed().center}` : "";
  $("picture").setAttribute("aria-label", picture ? `图像 Image ${at + 1} / ${pictures.length}` : "");
  for (const button of $("presets").children) {
    const { center, width } = button.dataset;
    const same = stage.window ? String(stage.window.center) === center && String(stage.window.width) === width : !center;
    button.setAttribute("aria-pressed", String(same));
  }
}

function presets(modality) {
  const offered = [{ zh: "默认", en: "Default" }, ...(modality === "CT" ? CT_WINDOWS : [])];
  $("presets").replaceChildren(...offered.map(({ zh, en, center, width }, at) => {
    const button = made("button", `${zh} `);
    button.append(made("small", `${en} ${at + 1}`));
    if (width) Object.assign(button.dataset, { center, width });
    button.onclick = () => stage.setWindow(width ? { center, width } : null);
    return button;
  }));
}

async function open(button) {
  chosen = button;
  for (const other of buttons()) other.setAttribute("aria-current", String(other === button));
  const { study, series, modality } = button.dataset;
  $("told").textContent = "正在读取 Loading …";
  presets(modality);
  stage.show([]);
  tracing.show(null);
  try {
    const { pictures, tracings, files } = await dicom.contents(study, series);
    const recording = tracings.length ? await waveform.read(tracings[0]) : null;
    if (chosen !== button) return;
    const none = !pictures.length && !recording;
    $("told").textContent = none && !files.length ? "此序列没有图像 This series has no images" : "";
    if (none) $("told").append(...files.map(opened));
    stage.show(pictures);
    tracing.show(recording);
  } catch (error) {
    if (chosen === button) failed(error);
  }
}

// A document or video, for the browser's own viewer.
function opened({ kind, url }) {
  const link = made("a", `打开 Open: ${kind}`);
  Object.assign(link, { href: url, target: "_blank", rel: "noopener" });
  return link;
}

const buttons = () => [...$("series").querySelectorAll("button")];

function failed(error) {
  $("told").textContent = error.status === 401
    ? "登录已结束，请重新登录 The session has ended: sign in again"
    : `无法读取 Cannot be read: ${error.message}`;
}

function listed(studyUid, one) {
  const series = dicom.value(one, "0020000E");
  const modality = dicom.value(one, "00080060");
  const button = made("button", "");
  Object.assign(button.dataset, { study: studyUid, series, modality });
  if (!NO_THUMBNAIL.has(modality)) {
    const small = document.createElement("img");
    small.alt = "";
    small.loading = "lazy";
    small.src = dicom.thumbnail(studyUid, series);
    small.onerror = () => small.remove();
    button.append(small);
  }
  button.append(made("span", dicom.value(one, "0008103E") || `序列 Series ${dicom.value(one, "00200011")}`));
  button.append(made("small", `${modality} · ${dicom.value(one, "00201209")} 幅 images`));
  button.onclick = () => open(button);
  return button;
}

function banner(study) {
  const sex = dicom.value(study, "00100040");
  const told = [dicom.name(study, "00100010") || "姓名不详 unnamed", SEXES[sex] || sex,
    day(dicom.value(study, "00100030")), dicom.value(study, "00100020")];
  const spoken = told.filter(Boolean).map((text) => made("span", text));
  const before = $("patient").textContent.trim();
  if (!before) $("patient").replaceChildren(...spoken);
  else if (before !== spoken.map((one) => one.textContent).join("")) {
    $("patient").append(made("span", "这些检查的患者信息不同，请核对 These studies name different patients", "dead"));
  }
}

async function start() {
  $("patient").replaceChildren();
  const uids = (asked.get("StudyInstanceUIDs") || "").split(",").filter((uid) => /^[0-9.]{1,64}$/.test(uid));
  if (asked.has("embedded")) document.body.classList.add("embedded");
  if (!uids.length) return failed(new Error("缺少检查号 StudyInstanceUIDs is missing"));
  for (const uid of uids) {
    const study = await dicom.study(uid);
    if (!study) {
      $("series").append(made("p", "没有此检查，或无权查看 No such study, or not yours to see", "dead"));
      continue;
    }
    const title = [day(dicom.value(study, "00080020")), dicom.value(study, "00081030")].filter(Boolean).join(" ");
    banner(study);
    const where = ELSEWHERE[dicom.value(study, "00080056")];
    const archive = where && dicom.values(study, "00080054")[1];
    $("study").append(made("span", [title, dicom.value(study, "00080080"), archive, where].filter(Boolean).join(" · ")));
    $("series").append(made("h2", title), ...(await dicom.series(uid)).map((one) => listed(uid, one)));
    document.title = `${title} · 影像浏览 Images`;
  }
  const [first] = buttons();
  if (first) await open(first);
  else if (!$("told").textContent) $("told").textContent = "没有可显示的图像 There are no images to show";
}

const KEYS = {
  ArrowUp: () => stage.go(stage.at - 1), ArrowDown: () => stage.go(stage.at + 1),
  PageUp: () => stage.go(stage.at - 10), PageDown: () => stage.go(stage.at + 10),
  Home: () => stage.go(0), End: () => stage.go(stage.pictures.length - 1),
  ",": () => tracing.recording && tracing.go(-1), ".": () => tracing.recording && tracing.go(1),
  ArrowLeft: () => turn(-1), ArrowRight: () => turn(1),
  "+": () => stage.zoomBy(1.25), "=": () => stage.zoomBy(1.25), "-": () => stage.zoomBy(0.8), 0: () => $("reset").click(),
};

function turn(by) {
  const all = buttons();
  const next = all[all.indexOf(chosen) + by];
  if (next) open(next);
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const preset = /^[1-9]$/.test(event.key) && $("presets").children[Number(event.key) - 1];
  if (preset) preset.click();
  else if (!KEYS[event.key]) return;
  else KEYS[event.key]();
  event.preventDefault();
});
$("larger").onclick = () => stage.zoomBy(1.25);
$("smaller").onclick = () => stage.zoomBy(0.8);
$("reset").onclick = () => { stage.reset(); stage.setWindow(null); stage.draw(); };
if (!asked.has("embedded")) $("picture").focus();
start().catch(failed);
