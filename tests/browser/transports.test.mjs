// Two browsers see the same world, whatever carries it, and a page finds a way where the first one is closed.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { browse, converge, join, openSession, ownAvatar, position, walk } from './lib.mjs';

let browsers;
before(async () => (browsers = await Promise.all([browse(), browse()])));
after(() => Promise.all(browsers.map((browser) => browser.close())));

for (const transport of ['webtransport', 'websocket']) {
  test(`two browsers converge over ${transport}`, async () => {
    const session = await openSession(`meeting over ${transport}`);
    const query = `&transport=${transport}`;
    const [ada, bob] = await Promise.all([
      join(browsers[0], session, { query, name: 'Ada' }),
      join(browsers[1], session, { query, name: 'Bob' }),
    ]);
    for (const page of [ada, bob]) assert.equal(await page.evaluate(() => window.__hd1.transport), transport);

    const avatar = await ownAvatar(ada);
    await converge([ada, bob], avatar);
    const from = await position(bob, avatar);
    await walk(ada, avatar, 'w', 2);
    const { components } = await converge([ada, bob], avatar);
    const [x, , z] = components.Transform.position;
    assert.ok(Math.hypot(x - from[0], z - from[2]) > 2, 'Bob saw Ada walk');
    assert.equal(components.Name.text, 'Ada');

    assert.deepEqual(ada.complaints, []);
    assert.deepEqual(bob.complaints, []);
    await Promise.all([ada.context().close(), bob.context().close()]);
  });
}

test('without WebTransport the page comes by WebSocket', async () => {
  const session = await openSession('no WebTransport');
  const page = await join(browsers[0], session, { before: () => delete window.WebTransport });
  assert.equal(await page.evaluate(() => window.__hd1.transport), 'websocket');
  await page.getByTestId('connection').getByText('WebSocket').waitFor();
  await page.context().close();
});

test('a WebTransport that does not answer is given up after 3 s', async () => {
  const session = await openSession('a silent network');
  const silent = () => {
    // As on a network that swallows UDP: nothing ever comes.
    const never = new Promise(() => undefined);
    window.WebTransport = class {
      ready = never;
      closed = never;
      close() {}
    };
  };
  const page = await join(browsers[0], session, { before: silent });
  assert.equal(await page.evaluate(() => window.__hd1.transport), 'websocket');
  assert.ok((await page.evaluate(() => performance.now())) > 3000);
  await page.context().close();
});

test('by itself the page takes WebTransport', async () => {
  const session = await openSession('by itself');
  const page = await join(browsers[0], session);
  assert.equal(await page.evaluate(() => window.__hd1.transport), 'webtransport');
  await page.context().close();
});
