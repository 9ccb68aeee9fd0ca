// WebSocket: one binary message is one frame.

import { CONNECT_TIMEOUT_MS, INPUT_FRAME, type Link, type LinkHandler, traffic } from './link';

const SUBPROTOCOL = 'hd1.msgpack';

/** Bytes waiting in the browser above which input samples are dropped: the next one says the same, newer. */
const BACKLOG_BYTES_MAX = 64 * 1024;

export function openWebSocket(url: string, handler: LinkHandler): Promise<Link> {
  const socket = new WebSocket(url, SUBPROTOCOL);
  socket.binaryType = 'arraybuffer';
  return new Promise((resolve, reject) => {
    const fail = (): void => {
      clearTimeout(timer);
      socket.onopen = socket.onerror = socket.onclose = null;
      socket.close();
      reject(new Error('the WebSocket did not open'));
    };
    const timer = setTimeout(fail, CONNECT_TIMEOUT_MS);
    socket.onerror = socket.onclose = fail;
    socket.onopen = () => {
      clearTimeout(timer);
      resolve(new WebSocketLink(socket, handler));
    };
  });
}

class WebSocketLink implements Link {
  readonly transport = 'websocket';

  constructor(
    private readonly socket: WebSocket,
    handler: LinkHandler,
  ) {
    socket.onerror = null;
    socket.onmessage = ({ data }: MessageEvent<ArrayBuffer | string>) => {
      if (typeof data === 'string') return;
      traffic.bytesIn += data.byteLength;
      handler.frame(new Uint8Array(data));
    };
    socket.onclose = ({ code, reason }) => handler.closed(code >= 4000 ? code : null, reason || 'the connection was lost');
  }

  send(frame: Uint8Array<ArrayBuffer>): void {
    if (this.socket.readyState !== WebSocket.OPEN) return;
    if (frame[0] === INPUT_FRAME && this.socket.bufferedAmount > BACKLOG_BYTES_MAX) return;
    traffic.bytesOut += frame.length;
    this.socket.send(frame);
  }

  close(): void {
    this.socket.onmessage = this.socket.onclose = null;
    this.socket.close(1000);
  }
}
