// An ECG as it stands on paper: 25 mm a second and 10 mm a millivolt on a grid of millimetres; twelve leads in two columns
// of the same seconds, the limb's and the chest's.
"use strict";

import { bytes, number, value, values } from "./dicomweb.js";

const SECONDS = 10; // at once, over all columns
const SPEED = 25; // mm/s
const GAIN = 10; // mm/mV
const MARGIN = 6; // mm before each column and at the end
const MOST_ROWS = 6;
const UNITS = { uV: 0.001, mV: 1, V: 1000 };
const READERS = { SB: Int8Array, UB: Uint8Array, SS: Int16Array, US: Uint16Array, SL: Int32Array, UL: Uint32Array };

// The first multiplex group of an instance (PS3.3 C.10.9), in millivolts by lead. Values are little endian, as is every
// machine with a browser.
export async function read(instance) {
  const group = values(instance, "54000100")[0];
  const channels = values(group, "003A0200");
  const Reader = READERS[value(group, "54001006")];
  if (!Reader || !channels.length) throw new Error("心电波形格式不受支持 this form of waveform is not known");
  const samples = new Reader(await bytes(group["54001010"]));
  return {
    frequency: number(group, "003A001A"),
    leads: channels.map((channel, at) => {
      const scale = (number(channel, "003A0210") ?? 1) * (number(channel, "003A0212") ?? 1);
      const unit = UNITS[value(values(channel, "003A0211")[0] || {}, "00080100") || "uV"];
      if (!unit) throw new Error("不是电压波形 this waveform is of no voltage");
      const base = number(channel, "003A0213") ?? 0;
      const length = Math.floor(samples.length / channels.length);
      return {
        name: label(channel),
        millivolts: Float32Array.from({ length }, (_, n) => (samples[n * channels.length + at] * scale + base) * unit),
      };
    }),
  };
}

function label(channel) {
  const source = values(channel, "003A0208")[0] || {};
  const told = value(source, "00080104") || value(channel, "003A0203");
  return told.replace(/^Lead /, "").split(",")[0];
}

export class Tracing {
  constructor(canvas, told) {
    this.canvas = canvas;
    this.told = told;
    this.recording = null;
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.go(Math.sign(event.deltaY));
    }, { passive: false });
    new ResizeObserver(() => this.draw()).observe(canvas);
  }

  show(recording) {
    this.recording = recording;
    this.from = 0;
    this.canvas.hidden = !recording;
    this.draw();
  }

  get columns() {
    return this.recording.leads.length > MOST_ROWS ? 2 : 1;
  }

  get shown() {
    return SECONDS / this.columns;
  }

  get seconds() {
    return this.recording.leads[0].millivolts.length / this.recording.frequency;
  }

  // Earlier or later by seconds, as far as the recording goes.
  go(by) {
    this.from = Math.min(Math.max(this.from + by, 0), Math.max(this.seconds - this.shown, 0));
    this.draw();
  }

  draw() {
    const { canvas, recording } = this;
    if (!recording) return;
    const box = canvas.getBoundingClientRect();
    canvas.width = Math.round(box.width * devicePixelRatio);
    canvas.height = Math.round(box.height * devicePixelRatio);
    const { columns, shown, from, seconds } = this;
    const mm = canvas.width / (SECONDS * SPEED + (columns + 1) * MARGIN);
    const rows = Math.ceil(recording.leads.length / columns);
    Object.assign(canvas.dataset, { mm, margin: MARGIN, columns, rows, from });
    const pen = canvas.getContext("2d");
    pen.fillStyle = "#fff";
    pen.fillRect(0, 0, canvas.width, canvas.height);
    grid(pen, canvas, mm);
    pen.font = `${14 * devicePixelRatio}px sans-serif`;
    recording.leads.forEach((lead, at) => {
      const left = MARGIN + Math.floor(at / rows) * (shown * SPEED + MARGIN);
      this.line(pen, lead, left, ((at % rows) + 0.5) * (canvas.height / rows), mm);
    });
    const until = Math.min(from + shown, seconds);
    this.told(`${SPEED} mm/s　${GAIN} mm/mV　${from.toFixed(1)}–${until.toFixed(1)} / ${seconds.toFixed(1)} s`);
  }

  line(pen, lead, left, y, mm) {
    const { frequency } = this.recording;
    const first = Math.round(this.from * frequency);
    const part = lead.millivolts.subarray(first, first + this.shown * frequency + 1);
    pen.beginPath();
    part.forEach((millivolts, at) => pen.lineTo((left + (at / frequency) * SPEED) * mm, y - millivolts * GAIN * mm));
    pen.strokeStyle = "#000";
    pen.lineWidth = Math.max(devicePixelRatio, mm / 4);
    pen.lineJoin = "round";
    pen.stroke();
    pen.fillStyle = "#00389e";
    pen.fillText(lead.name, (left - MARGIN + 0.5) * mm, y - 3 * mm);
  }
}

function grid(pen, { width, height }, mm) {
  for (const [step, colour] of [[1, "#fbe3e3"], [5, "#f0b4b4"]]) {
    if (step * mm < 3) continue;
    pen.beginPath();
    for (let x = 0; x < width; x += step * mm) { pen.moveTo(x, 0); pen.lineTo(x, height); }
    for (let y = 0; y < height; y += step * mm) { pen.moveTo(0, y); pen.lineTo(width, y); }
    pen.strokeStyle = colour;
    pen.lineWidth = 1;
    pen.stroke();
  }
}
