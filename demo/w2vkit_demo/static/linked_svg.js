// The linked view as SVG: the part of a canvas context that linked_draw.js uses, written down as elements.
(() => {
  "use strict";
  const clean = text => String(text).replace(/[&<>"']/g, c => `&#${c.charCodeAt(0)};`);
  const round = number => +number.toFixed(2);
  const ANCHORS = { left: "start", center: "middle", right: "end" };

  class SvgPen {
    constructor(width, height, background) {
      Object.assign(this, { width, height, parts: [], boxes: 0, imageSmoothingEnabled: true, textAlign: "left" });
      this.ruler = document.createElement("canvas").getContext("2d");
      this.fillStyle = background;
      this.fillRect(0, 0, width, height);
    }

    clearRect() {}
    beginPath() {}
    save() { this.parts.push("<g>"); }
    restore() { this.parts.push("</g>"); }
    rect(x, y, width, height) { this.box = [x, y, Math.max(0, width), height].map(round); }

    clip() {
      const [x, y, width, height] = this.box, name = `clip-${this.boxes++}`;
      this.parts.pop(); // the group that save() opened gets the clip
      this.parts.push(`<clipPath id="${name}"><rect x="${x}" y="${y}" width="${width}" height="${height}"/></clipPath><g clip-path="url(#${name})">`);
    }

    fillRect(x, y, width, height) { // rectangles of one colour in a row become one path
      const piece = `M${round(x)} ${round(y)}h${round(width)}v${round(height)}h${-round(width)}z`, end = '"/>';
      const begin = `<path fill="${clean(this.fillStyle)}" d="`, before = this.parts.at(-1);
      if (before?.startsWith(begin)) this.parts[this.parts.length - 1] = before.slice(0, -end.length) + piece + end;
      else this.parts.push(begin + piece + end);
    }

    fillText(text, x, y, room = Infinity) { // a third of the size below the middle is the baseline, in every viewer
      const size = +/([\d.]+)px/.exec(this.font)[1], font = this.font.replace(/^bold /, "").replace(/^[\d.]+px /, "");
      const weight = this.font.startsWith("bold") ? ' font-weight="bold"' : "";
      const wide = Object.assign(this.ruler, { font: this.font }).measureText(text).width > room;
      const squeezed = wide ? ` textLength="${round(room)}" lengthAdjust="spacingAndGlyphs"` : "";
      this.parts.push(`<text x="${round(x)}" y="${round(y + size * 0.35)}" font-size="${size}" font-family="${clean(font)}"${weight}${squeezed} ` +
        `text-anchor="${ANCHORS[this.textAlign]}" fill="${clean(this.fillStyle)}">${clean(text)}</text>`);
    }

    drawImage(image, ...at) {
      if (at.length === 8) { // only a part of the image
        const part = document.createElement("canvas");
        Object.assign(part, { width: at[2], height: at[3] });
        part.getContext("2d").drawImage(image, -at[0], -at[1]);
        return this.drawImage(part, ...at.slice(4));
      }
      const [x, y, width, height] = at.map(round), style = this.imageSmoothingEnabled ? "" : ' style="image-rendering:pixelated"';
      this.parts.push(`<image x="${x}" y="${y}" width="${width}" height="${height}" preserveAspectRatio="none"${style} href="${image.toDataURL()}"/>`);
    }

    toString() {
      const { width, height } = this;
      return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">${this.parts.join("")}</svg>`;
    }
  }

  window.w2vkitSvgPen = SvgPen;
})();
