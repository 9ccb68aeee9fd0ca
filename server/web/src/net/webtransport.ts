// WebTransport: one bidirectional stream for messages, datagrams for state and input, the join snapshot on streams that
// the server opens.

import { FrameReader, prefixed } from './framing';
import { CONNECT_TIMEOUT_MS, INPUT_FRAME, type Link, type LinkHandler, traffic } from './link';

export const hasWebTransport = (): boolean => typeof globalThis.WebTransport === 'function';

/** Connects, or rejects after 3 s: some networks swallow UDP without a word. */
export async function openWebTransport(url: string, sha256: string | undefined, handler: LinkHandler): Promise<Link> {
  const options: WebTransportOptions = { requireUnreliable: true, congestionControl: 'low-latency' };
  if (sha256) options.serverCertificateHashes = [{ algorithm: 'sha-256', value: fromHex(sha256) }];
  const transport = new WebTransport(url, options);
  transport.closed.catch(() => undefined);
  try {
    const control = await inTime(transport.ready.then(() => transport.createBidirectionalStream()));
    return new WebTransportLink(transport, control, handler);
  } catch (error) {
    transport.close();
    throw error;
  }
}

class WebTransportLink implements Link {
  readonly transport = 'webtransport';
  private readonly control: WritableStreamDefaultWriter<Uint8Array>;
  private readonly datagrams: WritableStreamDefaultWriter<Uint8Array>;
  private over = false;

  constructor(
    private readonly session: WebTransport,
    control: WebTransportBidirectionalStream,
    private readonly handler: LinkHandler,
  ) {
    this.control = control.writable.getWriter();
    this.datagrams = session.datagrams.writable.getWriter();
    const said = this.readStream(control.readable);
    // What the server said last, and why, is heard before the end is.
    session.closed.then(
      (info) => said.then(() => this.finish(info.closeCode || null, info.reason ?? '')),
      () => said.then(() => this.finish(null, 'the connection was lost')),
    );
    void this.readSnapshots();
    void this.readDatagrams();
  }

  send(frame: Uint8Array<ArrayBuffer>): void {
    traffic.bytesOut += frame.length;
    const lost = (): void => undefined; // `closed` tells of it
    if (frame[0] === INPUT_FRAME) this.datagrams.write(frame).catch(lost);
    else this.control.write(prefixed(frame)).catch(lost);
  }

  close(): void {
    this.over = true;
    // A goodbye that was just written would be thrown away by an immediate close.
    this.control.close().catch(() => undefined).finally(() => {
      try {
        this.session.close();
      } catch {
        // It was closed already.
      }
    });
  }

  private async readStream(stream: ReadableStream<Uint8Array>): Promise<void> {
    const frames = new FrameReader();
    await this.drain(stream, (piece) => frames.push(piece, (frame) => this.handler.frame(frame)));
  }

  private readSnapshots(): Promise<void> {
    const streams = this.session.incomingUnidirectionalStreams as ReadableStream<ReadableStream<Uint8Array>>;
    return this.drain(streams, (stream) => void this.readStream(stream), false);
  }

  private readDatagrams(): Promise<void> {
    return this.drain(this.session.datagrams.readable as ReadableStream<Uint8Array>, (datagram) =>
      this.handler.frame(datagram),
    );
  }

  private async drain<T>(stream: ReadableStream<T>, each: (value: T) => void, counted = true): Promise<void> {
    const reader = stream.getReader();
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (done || this.over) return;
        if (counted) traffic.bytesIn += (value as Uint8Array).byteLength;
        each(value);
      }
    } catch {
      // The session's end also ends its streams; `closed` says why.
    }
  }

  private finish(code: number | null, reason: string): void {
    if (this.over) return;
    this.over = true;
    this.handler.closed(code, reason);
  }
}

function inTime<T>(promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('no answer in 3 s')), CONNECT_TIMEOUT_MS);
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

function fromHex(hex: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(hex.length / 2);
  for (let i = 0; i < bytes.length; i++) bytes[i] = Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16);
  return bytes;
}
