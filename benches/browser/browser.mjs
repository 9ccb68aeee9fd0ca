// A recorded client of HD1 in a real browser: `browser.mjs FRAMES CORE PLAYWRIGHT CHROMIUM`.
//
// FRAMES is what `hd1-peer record-browser` wrote, CORE the page's client core (net/client-wasm), PLAYWRIGHT a folder
// with the package playwright-core, CHROMIUM a browser. Measured is the page's own time, on its own clock, for the
// frames of a tick: into the core's memory, decoded and applied. At the end the core must hold the last tick, whole,
// with every entity, and every check sum that the server sent must have been right.

import { createReadStream, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';

const [, , frames, core, playwright, chromium] = process.argv;
const { chromium: browsers } = createRequire(join(resolve(playwright), 'package.json'))('playwright-core');

// A clock of microseconds is given to isolated pages alone.
const ISOLATED = { 'cross-origin-opener-policy': 'same-origin', 'cross-origin-embedder-policy': 'require-corp' };
const FILES = { '/frames': [frames, 'application/octet-stream'], '/core.wasm': [core, 'application/wasm'] };

const http = createServer((request, response) => {
  const [file, type] = FILES[request.url] ?? [];
  response.writeHead(200, { ...ISOLATED, 'content-type': type ?? 'text/html' });
  if (file) createReadStream(file).pipe(response);
  else response.end('<!doctype html><title>bench</title>');
});
http.listen(0, '127.0.0.1');
await new Promise((listening) => http.once('listening', listening));

const browser = await browsers.launch({
  executablePath: chromium,
  headless: true,
  args: ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking', '--disable-sync'],
});
try {
  const page = await browser.newPage();
  await page.goto(`http://127.0.0.1:${http.address().port}/`);
  const { times, stats, closed } = await page.evaluate(play);
  const head = JSON.parse(readFileSync(frames).subarray(0, 4096).toString('latin1').split('\n', 1)[0]);
  const verified =
    closed === null && stats.tick === head.last_tick && stats.entities === head.entities && stats.checks > 0 && stats.desyncs === 0;
  if (!verified) throw new Error(`the page does not show the server's world: ${JSON.stringify({ stats, closed, head })}`);
  times.sort((a, b) => a - b);
  console.log(JSON.stringify({ engine: 'HD1', scene: 'browser', verified, browser_us_tick: times[times.length >> 1] * 1000 }));
} finally {
  await browser.close();
  http.close();
}

/** In the page: milliseconds of each measured tick, and what the core says of itself at the end. */
async function play() {
  if (!crossOriginIsolated) throw new Error('the page is not isolated: its clock is too coarse');
  const { instance } = await WebAssembly.instantiateStreaming(fetch('/core.wasm'), {});
  const wasm = instance.exports;
  const file = new Uint8Array(await (await fetch('/frames')).arrayBuffer());
  const text = new TextDecoder();
  const line = file.indexOf(10);
  const head = JSON.parse(text.decode(file.subarray(0, line)));

  // As the page does it: server/web/src/core/core.ts.
  const put = (bytes) => {
    const at = wasm.hd1_inbox(bytes.length);
    if (at === 0) throw new Error(`${bytes.length} bytes do not fit`);
    new Uint8Array(wasm.memory.buffer, at, bytes.length).set(bytes);
    return bytes.length;
  };
  const answer = () => text.decode(new Uint8Array(wasm.memory.buffer, wasm.hd1_outbox(), wasm.hd1_outbox_len()));
  // The client's clock is the recording's: ticks come as evenly, and are drawn as close, as where it was made.
  let tick_now = 0;
  const now = () => tick_now * head.period_us;

  const options = new TextEncoder().encode(JSON.stringify({ client: 'web', ticket: 'recorded' }));
  const client = wasm.hd1_open(put(options), now());
  if (client < 1) throw new Error(answer());
  while (wasm.hd1_poll_frame(client, now()) === 1);

  const view = new DataView(file.buffer);
  const ticks = [];
  for (let at = line + 1; at < file.length; ) {
    const [tick, length] = [view.getUint32(at, true), view.getUint32(at + 4, true)];
    (ticks[tick] ??= []).push(file.subarray(at + 8, at + 8 + length));
    at += 8 + length;
  }
  const times = [];
  let closed = null;
  for (const [tick, frames] of ticks.entries()) {
    // A task of its own, as each arrival is.
    await new Promise((next) => setTimeout(next, 4));
    tick_now = tick;
    const start = performance.now();
    for (const frame of frames) if (wasm.hd1_receive(client, put(frame), now()) < 0) throw new Error(answer());
    const took = performance.now() - start;
    if (tick > head.warm_ticks) times.push(took);
    while (wasm.hd1_poll_event(client) === 1) {
      const event = JSON.parse(answer());
      if (event.t === 'close') closed = event;
    }
    while (wasm.hd1_poll_frame(client, now()) === 1);
  }
  wasm.hd1_stats(client, now());
  return { times, stats: JSON.parse(answer()), closed };
}
