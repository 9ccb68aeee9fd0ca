// Whatever happens to the page or the server, one is back without doing anything.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join as path } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';

import { api, browse, connected, join, openSession, ownAvatar, until } from './lib.mjs';

let browser;
before(async () => (browser = await browse()));
after(() => browser.close());

for (const transport of ['webtransport', 'websocket']) {
  test(`a reload comes back as the same participant over ${transport}`, async () => {
    const session = await openSession(`reloading over ${transport}`);
    const page = await join(browser, session, { query: `&transport=${transport}`, name: 'Ada' });
    const before = { avatar: await ownAvatar(page), player: await page.evaluate(() => window.__hd1.player) };
    await page.reload();
    await connected(page);
    assert.equal(await page.evaluate(() => window.__hd1.player), before.player);
    assert.equal(await ownAvatar(page), before.avatar);
    assert.equal(await page.evaluate(() => window.__hd1.avatars.length), 1, 'nobody was left behind');
    assert.deepEqual(page.complaints, []);
    await page.context().close();
  });
}

test('leaving ends the membership and shows the list', async () => {
  const session = await openSession('leaving');
  const [stays, leaves] = await Promise.all([join(browser, session), join(browser, session)]);
  const avatar = await ownAvatar(leaves);
  await leaves.getByRole('button', { name: 'Leave the session' }).click();
  await leaves.getByRole('heading', { name: 'leaving', exact: true }).waitFor();
  await until(stays, (id) => window.__hd1.entity(id) === null, avatar, 'the avatar is gone at once');
  await Promise.all([stays.context().close(), leaves.context().close()]);
});

// A busy page hears what the server said last only when its thread is free again.
for (const [how, busyMs] of [['', 0], [' to a page that is busy', 1_000]]) {
  test(`being sent away is said${how}, and one may ask again`, async () => {
    const session = await openSession(`kicking${how}`);
    const page = await join(browser, session);
    let here;
    // The page may know that it is in a moment before that is recorded.
    for (let tries = 0; !here && tries < 200; tries += 1) {
      const { participants } = await api('GET', `/api/sessions/${session}/participants`);
      here = participants.find(({ state }) => state === 'connected');
    }
    await page.evaluate((ms) => {
      setTimeout(() => {
        for (const until = performance.now() + ms; performance.now() < until; );
      });
    }, busyMs);
    await api('POST', `/api/sessions/${session}/kick`, { participant_id: here.id, reason: 'time to go home' });
    const cover = page.getByTestId('connection-cover');
    await cover.getByText('You were removed from the session').waitFor();
    await cover.getByRole('button', { name: 'Join again' }).click();
    await connected(page);
    await page.context().close();
  });
}

test('the page outlives the server', async () => {
  const data = await mkdtemp(path(tmpdir(), 'hd1-browser-'));
  let running;
  try {
    running = await serve(data, '127.0.0.1:0', '127.0.0.1:0');
    const { sessions } = await api('GET', '/api/sessions', undefined, { token: null, base: running.http });
    const page = await join(browser, sessions[0].id, { base: running.http });

    await kill(running);
    await page.getByTestId('connection-cover').getByText('coming back').waitFor();
    assert.equal(await page.evaluate(() => window.__hd1.status), 'reconnecting');

    running = await serve(data, running.http.replace('http://', ''), running.quic);
    await connected(page);
    await page.getByTestId('connection-cover').waitFor({ state: 'hidden' });
    await page.context().close();
  } finally {
    if (running) await kill(running);
    await rm(data, { recursive: true, force: true });
  }
});

async function serve(data, http, quic) {
  const process_ = spawn(process.env.HD1_BIN, ['serve', '--data', data, '--http', http, '--quic', quic], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('HD1_'))),
  });
  const [line] = await once(createInterface(process_.stdout), 'line');
  return { ...JSON.parse(line), process: process_ };
}

async function kill({ process: process_ }) {
  if (process_.exitCode !== null || process_.signalCode !== null) return;
  const ended = once(process_, 'exit');
  process_.kill('SIGKILL');
  await ended;
}
