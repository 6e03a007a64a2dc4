// One picture on a canvas: how large, where, in which window, and what mouse, fingers and keys do to it.
"use strict";

import { image, rendered } from "./dicomweb.js";

const HELD = 48; // decoded pictures kept
const LARGEST = 8;
const SMALLEST = 0.2;

export class Stage {
  // `say(text)` shows a message, `told()` is called whenever what is shown has changed.
  constructor(canvas, say, told) {
    this.canvas = canvas;
    this.say = say;
    this.told = told;
    this.pictures = [];
    this.at = 0;
    this.window = null;
    this.drawn = null;
    this.held = new Map();
    this.reset();
    this.listen();
    new ResizeObserver(() => this.draw()).observe(canvas);
  }

  get picture() {
    return this.pictures[this.at] || null;
  }

  show(pictures) {
    this.pictures = pictures;
    this.at = 0;
    this.window = null;
    this.drawn = this.shown = null;
    this.reset();
    this.draw();
    this.refresh();
  }

  go(at) {
    const to = Math.min(Math.max(at, 0), this.pictures.length - 1);
    if (to === this.at || to < 0) return;
    this.at = to;
    this.refresh();
  }

  setWindow(window) {
    this.window = window;
    this.refresh();
  }

  // The window that is in force; one is made up where the picture names none.
  windowed() {
    const { center, width, depth } = this.picture;
    return this.window || { center: center ?? 2 ** (depth - 1), width: width || 2 ** depth };
  }

  reset() {
    this.zoom = 1;
    this.x = this.y = 0;
  }

  zoomBy(factor) {
    this.zoom = Math.min(Math.max(this.zoom * factor, SMALLEST), LARGEST);
    this.draw();
    this.refresh();
  }

  // Loads what is wanted now; what was asked for before and is no longer wanted is passed over.
  async refresh() {
    this.told();
    if (this.loading || !this.picture) return;
    this.loading = true;
    try {
      for (let url = this.url(this.picture); url && url !== this.shown; url = this.picture && this.url(this.picture)) {
        try {
          this.drawn = await this.load(url);
          this.drawnOf = this.picture;
          this.say("");
        } catch (error) {
          this.drawn = null;
          this.say(`无法显示此图像 This image cannot be shown: ${error.message}`);
        }
        this.shown = url;
        this.draw();
        this.told();
      }
    } finally {
      this.loading = false;
    }
    for (const next of [this.at + 1, this.at + 2, this.at - 1]) {
      if (this.pictures[next]) this.load(this.url(this.pictures[next])).catch(() => {});
    }
  }

  url(picture) {
    const { width, height } = this.canvas.getBoundingClientRect();
    const sharp = Math.max(width, height, 256) * devicePixelRatio * Math.max(this.zoom, 1);
    return rendered(picture, this.window, Math.ceil(sharp / 256) * 256);
  }

  load(url) {
    const known = this.held.get(url) || image(url);
    this.held.delete(url);
    this.held.set(url, known);
    known.catch(() => this.held.delete(url));
    if (this.held.size > HELD) this.held.delete(this.held.keys().next().value);
    return known;
  }

  draw() {
    const { canvas, drawn } = this;
    const box = canvas.getBoundingClientRect();
    canvas.width = Math.round(box.width * devicePixelRatio);
    canvas.height = Math.round(box.height * devicePixelRatio);
    const context = canvas.getContext("2d");
    if (!drawn || !this.picture) return;
    const { rows, columns, tall } = this.picture;
    const fit = Math.min(canvas.width / columns, canvas.height / (rows * tall)) * this.zoom;
    const [wide, high] = [columns * fit, rows * tall * fit];
    context.imageSmoothingQuality = "high";
    context.drawImage(drawn, (canvas.width - wide) / 2 + this.x * devicePixelRatio,
      (canvas.height - high) / 2 + this.y * devicePixelRatio, wide, high);
  }

  listen() {
    const { canvas } = this;
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      if (event.ctrlKey) this.zoomBy(event.deltaY < 0 ? 1.15 : 1 / 1.15);
      else this.go(this.at + Math.sign(event.deltaY));
    }, { passive: false });
    canvas.addEventListener("contextmenu", (event) => event.preventDefault());
    canvas.addEventListener("dblclick", () => { this.reset(); this.draw(); this.refresh(); });
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      canvas.focus();
      const moves = event.shiftKey || event.button !== 0;
      const start = this.picture && { x: event.clientX, y: event.clientY, from: moves ? { x: this.x, y: this.y } : this.windowed() };
      if (!start || (!moves && !this.picture.grey)) return;
      canvas.onpointermove = (moved) => {
        const [right, down] = [moved.clientX - start.x, moved.clientY - start.y];
        if (moves) {
          [this.x, this.y] = [start.from.x + right, start.from.y + down];
          return this.draw();
        }
        const step = Math.max(start.from.width / 400, 0.5);
        this.setWindow({ center: Math.round(start.from.center + down * step),
          width: Math.max(Math.round(start.from.width + right * step), 2) });
      };
    });
    for (const end of ["pointerup", "pointercancel"]) {
      canvas.addEventListener(end, () => { canvas.onpointermove = null; });
    }
  }
}
