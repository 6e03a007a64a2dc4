"""Settings of what happens behind the doors."""

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, Field, model_validator

from .doors import NOTHING_ELSE


class Ecg(BaseModel):
    model_config = NOTHING_ELSE

    drop_folder: bool = True
    """Watch ``DIR/drop/ecg/CLIENT/`` for files."""


class S3(BaseModel):
    """A bucket for all blobs (originals, documents, pixels), in any object store that speaks S3. Without a key, the
    environment (``AWS_ACCESS_KEY_ID`` …) counts, then the machine's own credentials."""

    model_config = NOTHING_ELSE

    bucket: str = Field(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")
    endpoint: str | None = Field(None, pattern=r"^(https://|http://(127\.0\.0\.1|\[::1\]|localhost)[:/])\S+$")
    """``https://minio.example.org:9000``; plain http on loopback alone. None is AWS in the region."""
    region: str = "us-east-1"
    prefix: str = Field("", pattern=r"^[A-Za-z0-9._/-]*$")
    """Of every object's name: several hubs may share a bucket."""
    key: str | None = None
    secret: str | None = None
    ca_file: Path | None = None
    """Signs the certificate of the endpoint, beside the well-known authorities."""
    path_style: bool = True
    """``https://host/bucket/…``; false for ``https://bucket.host/…`` (the endpoint then holds the bucket)."""
    timeout_seconds: float = Field(10.0, gt=0)
    """Longest silence of the server."""

    @model_validator(mode="after")
    def _key_with_secret(self) -> "S3":
        if (self.key is None) != (self.secret is None):
            raise ValueError("a key and its secret belong together")
        return self


class Blobs(BaseModel):
    """Where bytes come to rest. All arrive in the data folder; see ``hub.blobs.settling_store``."""

    model_config = NOTHING_ELSE

    s3: S3 | None = None
    compress: bool = False
    """Keep a smaller form, from which the original comes back byte for byte."""
    bring_back: bool = False
    """Bring everything back into the folder, uncompressed, before this bucket or the smaller form is given up."""
    cache_bytes: int = Field(10 << 30, ge=0)
    """Of the disk, for originals whose form at rest lies in a bucket or is compressed."""


class Quota(BaseModel):
    """What an organization may keep here, in bytes of images and ECGs; beyond it its senders are told A700 or 507."""

    model_config = NOTHING_ELSE

    bytes: int | None = Field(None, ge=0)
    """Of every organization that is not named below; None is any amount."""
    organizations: dict[str, Annotated[int, Field(ge=0)]] = {}
    """By id: ``HUB_QUOTA__ORGANIZATIONS__QINGSHAN=500000000000``."""


class Duplicates(BaseModel):
    model_config = NOTHING_ELSE

    budget_seconds: float = Field(1.0, gt=0)
    """A check that takes longer answers that nothing was checked."""
    mute_unheeded: bool = False
    """Mute by default what was shown 50 times or more and accepted in less than 5 %, until a committee decides."""


class Delivery(BaseModel):
    model_config = NOTHING_ELSE

    poll_seconds: float = Field(0.2, gt=0)
    longest_wait_seconds: float = Field(300.0, gt=0)


class Viewer(BaseModel):
    model_config = NOTHING_ELSE

    folder: Path | None = None
    """Where ``hub viewer install`` puts OHIF, and where it is served from; None is ``viewer`` in the data folder."""


class Search(BaseModel):
    """The search index beside the store. Without ``elasticsearch_url`` every search runs on the store."""

    model_config = NOTHING_ELSE

    elasticsearch_url: str = Field("", pattern=r"^$|^https?://[^/?#@\s,]+/?([,\s]+https?://[^/?#@\s,]+/?)*$")
    """Elasticsearch 8 or 9; several addresses of one cluster with commas between."""
    user: str = ""
    password: str = ""
    api_key: str = ""
    """Instead of user and password, as Elasticsearch gives it (``encoded``)."""
    ca_file: Path | None = None
    """The authority that signed the servers' certificate, where the system does not know it."""
    required: bool = False
    """True: the hub does not start without a usable index. False: it says what is wrong, and searches the store."""
    prefix: str = Field("hub", pattern=r"^[a-z][a-z0-9_-]{0,30}$")
    """Begins the names of indices and aliases."""
    shards: int = Field(1, ge=1, le=64)
    replicas: int = Field(0, ge=0, le=5)
    """Copies of each shard; 1 or more on a cluster of several nodes."""
    most_behind_seconds: float = Field(5.0, gt=0)
    """An index that is behind by more is not asked."""
    rebuild_per_second: float = Field(0.0, ge=0)
    """Resources that a rebuild writes a second at most; 0 for no limit."""
    check_hours: float = Field(24.0, ge=0)
    """Between two checks of the index against the store, which repair what differs; 0 for none."""

    @property
    def urls(self) -> tuple[str, ...]:
        return tuple(url.rstrip("/") for url in self.elasticsearch_url.replace(",", " ").split())


class OutsideSource(BaseModel):
    """A recognition source outside the county, asked at each signing; see ``hub.cds.outside`` for what is sent."""

    url: str = Field(pattern=r"^(https://|http://(127\.0\.0\.1|localhost)[:/])\S+$")
    name: str = Field("省级互认平台", min_length=1, max_length=40)
    """What a card calls it."""
    token: str = ""
