// Which transport: WebTransport where the browser and the network have it, WebSocket otherwise.

import type { JoinResponse } from '../api/types';
import type { Link, LinkHandler, TransportName } from './link';
import { openWebSocket } from './websocket';
import { hasWebTransport, openWebTransport } from './webtransport';

export type Where = Pick<JoinResponse, 'endpoints' | 'certificate_sha256'>;

/** Connects; `forced` allows only that transport. Rejects where none is to be had. */
export async function connect(where: Where, forced: TransportName | null, handler: LinkHandler): Promise<Link> {
  if (forced !== 'websocket') {
    if (hasWebTransport()) {
      try {
        return await openWebTransport(where.endpoints.webtransport, where.certificate_sha256, handler);
      } catch (error) {
        if (forced) throw error;
      }
    } else if (forced) {
      throw new Error('this browser has no WebTransport');
    }
  }
  return openWebSocket(where.endpoints.websocket, handler);
}
