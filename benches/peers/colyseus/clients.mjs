// The clients, in a process of their own: `clients.mjs FRAMES PORT COUNT`. The first few decode what they are sent and
// are compared with the scene at the end; the others count bytes.

import { Decoder } from "@colyseus/schema";
import { WebSocket } from "ws";

import { Frames } from "./frames.mjs";
import { State, shows } from "./state.mjs";

const DECODING_COUNT = 4;
const [, , path, port, count] = process.argv;

/** All that have joined. */
const clients = [];
/** Messages that have come since the server last asked. */
let arrived = 0;
/** As many are waited for. */
let awaited = Infinity;

function report() {
  if (arrived < awaited) return;
  arrived -= awaited;
  awaited = Infinity;
  process.send({ arrived: true });
}

async function join(decodes) {
  const client = { bytes: 0, decoder: decodes ? new Decoder(new State()) : null };
  client.socket = new WebSocket(`ws://127.0.0.1:${port}`, { perMessageDeflate: false });
  client.socket.on("message", (message) => {
    client.bytes += message.length;
    client.decoder?.decode(message);
    arrived += 1;
    report();
  });
  clients.push(client);
  await new Promise((resolve, reject) => client.socket.once("open", resolve).once("error", reject));
}

const orders = {
  await(messages) {
    awaited = messages;
    report();
  },
  async join() {
    await join(true);
  },
  leave() {
    clients.pop().socket.close();
  },
  check(tickCount) {
    const expected = new Frames(path).after(tickCount);
    const decoding = clients.filter((client) => client.decoder);
    const same = clients.every((client) => client.bytes === clients[0].bytes || client === clients.at(-1));
    process.send({ verified: same && decoding.every((client) => shows(client.decoder.state, expected)) });
  },
  end() {
    process.exit(0);
  },
};
process.on("message", ([order, argument]) => orders[order](argument));

for (let i = 0; i < count; i++) await join(i < DECODING_COUNT);
process.send({ joined: true });
