// Just enough of PNG to say whether a screenshot shows something.

import { inflateSync } from 'node:zlib';

/** Decodes an 8-bit RGB or RGBA file without interlacing, which is what browsers write. */
export function decode(file) {
  const width = file.readUInt32BE(16);
  const height = file.readUInt32BE(20);
  const channels = { 2: 3, 6: 4 }[file[25]];
  if (file[24] !== 8 || !channels || file[28] !== 0) throw new Error('not a PNG as browsers write it');
  const parts = [];
  for (let at = 8; at < file.length; ) {
    const length = file.readUInt32BE(at);
    if (file.toString('latin1', at + 4, at + 8) === 'IDAT') parts.push(file.subarray(at + 8, at + 8 + length));
    at += length + 12;
  }
  const raw = inflateSync(Buffer.concat(parts));
  const stride = width * channels;
  const pixels = new Uint8Array(stride * height);
  for (let y = 0; y < height; y++) unfilter(raw, y * (stride + 1), pixels, y * stride, stride, channels);
  return { width, height, channels, pixels };
}

function unfilter(raw, from, out, to, stride, channels) {
  const kind = raw[from];
  for (let i = 0; i < stride; i++) {
    const left = i >= channels ? out[to + i - channels] : 0;
    const up = to >= stride ? out[to + i - stride] : 0;
    const corner = i >= channels && to >= stride ? out[to + i - stride - channels] : 0;
    const guess = [0, left, up, (left + up) >> 1, paeth(left, up, corner)][kind];
    out[to + i] = (raw[from + 1 + i] + guess) & 255;
  }
}

function paeth(a, b, c) {
  const p = a + b - c;
  const [pa, pb, pc] = [Math.abs(p - a), Math.abs(p - b), Math.abs(p - c)];
  return pa <= pb && pa <= pc ? a : pb <= pc ? b : c;
}

/** How much brightness differs (standard deviation, 0 to 127) and how many colours there are, to 4 bits each. */
export function variety({ width, height, channels, pixels }) {
  const colours = new Set();
  let [sum, squares] = [0, 0];
  for (let i = 0; i < pixels.length; i += channels) {
    const [r, g, b] = [pixels[i], pixels[i + 1], pixels[i + 2]];
    const light = (r * 2 + g * 5 + b) / 8;
    sum += light;
    squares += light * light;
    colours.add(((r >> 4) << 8) | ((g >> 4) << 4) | (b >> 4));
  }
  const count = width * height;
  return { deviation: Math.sqrt(squares / count - (sum / count) ** 2), colours: colours.size };
}
