// Close codes (net/PROTOCOL.md) as this page acts on them.

export const CloseCode = { BadTicket: 4011, BadResume: 4012 } as const;

/** Coming back by itself would be wrong or useless: the person decides. */
const FINAL = new Map<number, string>([
  [4000, 'You left the session.'],
  [4002, 'The session has ended.'],
  [4005, 'You were removed from the session.'],
  [4006, 'You joined from somewhere else; this page was disconnected.'],
  [4013, 'The page is out of date: reload it.'],
  [4020, 'The server did not understand this page: reload it.'],
  [4021, 'The page sent too much at once.'],
]);

/** Why the session is over for this page, or nothing where it should come back. */
export function finalReason(code: number | null): string | undefined {
  return code === null ? undefined : FINAL.get(code);
}
