// One connection, whatever carries it: whole frames in, whole frames out.

export type TransportName = 'webtransport' | 'websocket';

export interface Link {
  readonly transport: TransportName;
  send(frame: Uint8Array<ArrayBuffer>): void;
  close(): void;
}

export interface LinkHandler {
  frame(bytes: Uint8Array): void;
  /** Called once, however the connection ended; `code` is a close code of the protocol where the server gave one. */
  closed(code: number | null, reason: string): void;
}

/** First byte of a frame that travels in a datagram where there are datagrams. */
export const INPUT_FRAME = 0x05;

/** Bytes of one frame from the server, as in shared/protocol. */
export const FRAME_BYTES_MAX = 1024 * 1024;

/** Browsers forget to fail: a connection that is not there after this long is given up. */
export const CONNECT_TIMEOUT_MS = 3000;

/** Counts what passed since the page began; read by the network graph. */
export const traffic = { bytesIn: 0, bytesOut: 0 };
