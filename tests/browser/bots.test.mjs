// What a bot does is seen in a browser.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { after, before, test } from 'node:test';

import { api, browse, join, server, until } from './lib.mjs';

let browser;
before(async () => (browser = await browse()));
after(() => browser.close());

test('bots on QUIC walk about before the eyes of a browser', async () => {
  const { sessions } = await api('GET', '/api/sessions', undefined, { token: null });
  const page = await join(browser, sessions[0].id);
  // Without a token they come as guests into the session that is there.
  const args = ['bots', '--server', server, '--clients', '3', '--transport', 'quic', '--seconds', '15', '--json'];
  const bots = spawn(process.env.HD1_BIN, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(bots, 'exit');
  let said = '';
  bots.stdout.on('data', (piece) => (said += piece));

  await until(page, () => window.__hd1.avatars.length === 4, undefined, 'three bots are here');
  const places = () => page.evaluate(() => window.__hd1.avatars.map(({ id }) => window.__hd1.entity(id).components.Transform.position));
  const before = JSON.stringify(await places());
  await until(
    page,
    (before) => JSON.stringify(window.__hd1.avatars.map(({ id }) => window.__hd1.entity(id).components.Transform.position)) !== before,
    before,
    'a bot moves',
  );
  await page.getByRole('button', { name: /^People/ }).click();
  await page.getByLabel('People in the session').getByText('bot', { exact: true }).first().waitFor();

  const [code] = await ended;
  assert.equal(code, 0);
  const figures = JSON.parse(said);
  assert.deepEqual({ connected: figures.clients_connected, failed: figures.clients_failed, desyncs: figures.desyncs }, { connected: 3, failed: 0, desyncs: 0 });
  await until(page, () => window.__hd1.avatars.length === 1, undefined, 'the bots are gone');
});
