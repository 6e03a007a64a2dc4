// What the page asks of DICOMweb (PS3.18), and the DICOM JSON model (Annex F) as plain values.
"use strict";

const ROOT = "/dicom-web/studies";
const FILES = {
  "1.2.840.10008.5.1.4.1.1.104.1": "PDF", "1.2.840.10008.5.1.4.1.1.77.1.1.1": "视频 video",
  "1.2.840.10008.5.1.4.1.1.77.1.2.1": "视频 video", "1.2.840.10008.5.1.4.1.1.77.1.4.1": "视频 video",
}; // by SOP class: what the browser itself can show
const EXTRA = ["00080056", "00080054", "00080061", "00081030", "00100030", "00100040", "00080080"].join(",");

export class Refused extends Error {
  constructor(status, told) {
    super(told);
    this.status = status;
  }
}

const PATIENCE = 6; // times a study that is still on its way from another archive is asked for

async function asked(url, accept, patience = PATIENCE) {
  const answer = await fetch(url, { headers: { Accept: accept } });
  if (answer.ok) return answer;
  const seconds = Number(answer.headers.get("Retry-After"));
  if (answer.status === 503 && seconds > 0 && patience > 1) {
    await new Promise((resume) => setTimeout(resume, Math.min(seconds, 10) * 1000));
    return asked(url, accept, patience - 1);
  }
  let told = answer.statusText;
  try {
    told = (await answer.json()).issue[0].diagnostics || told;
  } catch { /* an answer without reasons */ }
  throw new Refused(answer.status, told);
}

async function json(url) {
  const answer = await asked(url, "application/dicom+json");
  return answer.status === 204 ? [] : answer.json();
}

// The first value of an attribute, or all of them.
export const values = (attributes, tag) => attributes[tag]?.Value ?? [];
export const value = (attributes, tag) => values(attributes, tag)[0] ?? "";
export const number = (attributes, tag) => {
  const found = Number(values(attributes, tag)[0]);
  return Number.isFinite(found) ? found : null;
};

// A person's name as it is written: in characters where it has them.
export function name(attributes, tag) {
  const groups = values(attributes, tag)[0] || {};
  return (groups.Ideographic || groups.Alphabetic || "").replace(/\^+/g, " ").trim();
}

export const study = async (uid) =>
  (await json(`${ROOT}?StudyInstanceUID=${uid}&includefield=${EXTRA}`))[0] || null;

export async function series(studyUid) {
  const found = await json(`${ROOT}/${studyUid}/series?includefield=0008103E`);
  return found.sort((one, other) => (number(one, "00200011") ?? 1e9) - (number(other, "00200011") ?? 1e9));
}

// What a series holds, in reading order: a picture for every frame of every instance that has pixels, instances with
// waveforms, and files.
export async function contents(studyUid, seriesUid) {
  const instances = await json(`${ROOT}/${studyUid}/series/${seriesUid}/metadata`);
  const order = (one) => number(one, "00200013") ?? 0;
  instances.sort((one, other) => order(one) - order(other));
  const path = (one) => `${ROOT}/${studyUid}/series/${seriesUid}/instances/${value(one, "00080018")}`;
  const kind = (one) => FILES[value(one, "00080016")];
  return {
    tracings: instances.filter((one) => values(one, "54000100").length),
    files: instances.filter(kind).map((one) => ({ kind: kind(one), url: `${path(one)}/rendered` })),
    pictures: instances.filter((one) => !kind(one) && number(one, "00280010")).flatMap((one) => pictures(one, path(one))),
  };
}

function pictures(instance, path) {
  const frames = number(instance, "00280008") || 1;
  return Array.from({ length: frames }, (_, at) => ({
    path: frames > 1 ? `${path}/frames/${at + 1}` : path,
    rows: number(instance, "00280010"),
    columns: number(instance, "00280011"),
    tall: aspect(instance),
    grey: number(instance, "00280002") === 1,
    center: number(instance, "00281050"),
    width: number(instance, "00281051"),
    depth: number(instance, "00280101") || 8,
  }));
}

// Height of a pixel over its width (PixelSpacing, ImagerPixelSpacing, PixelAspectRatio).
function aspect(instance) {
  for (const tag of ["00280030", "00181164", "00280034"]) {
    const [tall, wide] = values(instance, tag).map(Number);
    if (tall > 0 && wide > 0) return tall / wide;
  }
  return 1;
}

export function thumbnail(studyUid, seriesUid) {
  return `${ROOT}/${studyUid}/series/${seriesUid}/thumbnail?viewport=160,160`;
}

// The address of a picture as an image: at most `most` pixels wide and high, in a window where one is set.
export function rendered(picture, window, most) {
  const query = [];
  if (window) query.push(`window=${window.center},${window.width},linear`);
  if (most < Math.max(picture.rows, picture.columns)) query.push(`viewport=${most},${most}`);
  return `${picture.path}/rendered${query.length ? `?${query.join("&")}` : ""}`;
}

// The value of a binary attribute, wherever it is (InlineBinary, BulkDataURI).
export async function bytes(attribute) {
  if (!attribute?.BulkDataURI) return Uint8Array.from(atob(attribute?.InlineBinary ?? ""), (one) => one.charCodeAt(0)).buffer;
  const { pathname, search } = new URL(attribute.BulkDataURI, location.href);
  return (await asked(pathname + search, "application/octet-stream")).arrayBuffer();
}

export async function image(url) {
  const answer = await asked(url, "image/jpeg, image/png");
  return createImageBitmap(await answer.blob());
}
