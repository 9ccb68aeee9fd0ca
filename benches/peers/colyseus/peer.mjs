// HD1's scenes through Colyseus: `peer.mjs FOLDER SCENE`, where the folder holds the scene's frames.
//
// One state, encoded once a tick and sent to every client over a WebSocket on loopback, as its rooms do. Measured is
// the processor time of this process, system calls included, from the encoder's call until every socket has taken its
// message; the setters that mark what changed are outside, as mutation is for every engine.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { join as joined } from "node:path";
import { fileURLToPath } from "node:url";
import { WebSocketServer } from "ws";

import { Frames } from "./frames.mjs";
import { Server } from "./state.mjs";

const [, , folder, scene] = process.argv;
const path = joined(folder, `${scene}.frames`);
const frames = new Frames(path);
const server = new Server(frames);

const wss = new WebSocketServer({ port: 0, host: "127.0.0.1", perMessageDeflate: false });
wss.on("connection", (socket) => socket.send(server.whole()));
await once(wss, "listening");
const clients = await startClients();

const figures = frames.joinCount > 0 ? await join() : await steady();
console.log(JSON.stringify({ engine: "Colyseus", scene, verified: true, ...figures }));
clients.send(["end"]);
wss.close();
for (const socket of wss.clients) socket.terminate();

/** The scene goes on and all look at it. */
async function steady() {
  const cpu = [];
  const encode = [];
  let [bytes, updates] = [0, 0];
  for (const [i, tick] of frames.ticks.entries()) {
    server.apply(tick);
    const start = process.hrtime.bigint();
    const before = process.cpuUsage();
    const patch = server.patch();
    const encoded = process.hrtime.bigint();
    await toAll(patch);
    const used = process.cpuUsage(before);
    await order("await", wss.clients.size);
    if (i < frames.warmTicks) continue;
    cpu.push(used.user + used.system);
    encode.push(Number(encoded - start) / 1e3);
    bytes += patch.length;
    updates += tick.count;
  }
  await verify(frames.ticks.length);
  return {
    ws_us_tick: median(cpu),
    encode_us_tick: median(encode),
    bytes_per_update: bytes / updates,
    bytes_client_tick: bytes / frames.measuredTicks,
    packets_client_tick: 1,
  };
}

/** Newcomers, one after another; the world moves on between them. */
async function join() {
  const [cpu, bytes] = [[], []];
  for (let newcomer = 0; newcomer < frames.joinCount; newcomer++) {
    server.apply(frames.ticks[newcomer]);
    await toAll(server.patch());
    await order("await", wss.clients.size);
    // Encoding everything for it; its socket comes on top.
    const before = process.cpuUsage();
    bytes.push(server.whole().length);
    const used = process.cpuUsage(before);
    cpu.push(used.user + used.system);
    clients.send(["join"]);
    await order("await", 1);
    await verify(newcomer + 1);
    clients.send(["leave"]);
    while (wss.clients.size > frames.clientCount) await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return { join_us: median(cpu), join_bytes: median(bytes) };
}

/** Until every socket has taken the message. */
async function toAll(message) {
  await Promise.all(
    Array.from(wss.clients, (socket) => new Promise((resolve) => socket.send(message, { binary: true }, resolve))),
  );
}

/** Gives the clients an order and waits for their answer. */
async function order(...words) {
  const answer = once(clients, "message");
  clients.send(words);
  return (await answer)[0];
}

async function verify(tickCount) {
  const { verified } = await order("check", tickCount);
  if (!verified) throw new Error("a client's state differs");
}

/** On another core, where there is one: they are not what is measured. */
async function startClients() {
  const program = fileURLToPath(new URL("clients.mjs", import.meta.url));
  const words = [process.execPath, program, path, wss.address().port, frames.clientCount];
  if (existsSync("/usr/bin/taskset")) words.unshift("/usr/bin/taskset", "-c", "0");
  const child = spawn(words[0], words.slice(1), { stdio: ["ignore", "inherit", "inherit", "ipc"] });
  child.once("exit", (code) => code === 0 || process.exit(1));
  await once(child, "message");
  // Everything they were sent on joining.
  const answer = once(child, "message");
  child.send(["await", frames.clientCount]);
  await answer;
  return child;
}

function median(values) {
  return values.sort((a, b) => a - b)[values.length >> 1];
}
