// There is a picture, on a desk and on a phone; with HD1_PICTURE it is kept for the README.

import assert from 'node:assert/strict';
import { statSync, writeFileSync } from 'node:fs';
import { after, before, test } from 'node:test';

import { browse, join, openSession, ownAvatar, position, until, walk } from './lib.mjs';
import { decode, variety } from './png.mjs';

const PICTURE_BYTES_MAX = 400_000;

let browser;
before(async () => (browser = await browse()));
after(() => browser.close());

/** A screenshot in which something is to be seen: the third dimension has more shades than a panel. */
async function shoot(page, canvasOnly = true) {
  const target = canvasOnly ? page.locator('canvas') : page;
  const file = await target.screenshot();
  const seen = variety(decode(file));
  assert.ok(seen.deviation > 12 && seen.colours > 40, `the picture is flat: ${JSON.stringify(seen)}`);
  return file;
}

const contextIsLive = (page) =>
  page.evaluate(() => {
    const gl = document.querySelector('canvas').getContext('webgl2');
    return gl !== null && !gl.isContextLost() && gl.drawingBufferWidth > 0;
  });

test('the scene is drawn', async () => {
  const page = await join(browser, await openSession('a picture'));
  assert.ok(await contextIsLive(page));
  await shoot(page);
  assert.deepEqual(page.complaints, []);
  await page.context().close();
});

test('a phone shows it all and steers by thumb', async () => {
  const context = { viewport: { width: 360, height: 740 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true };
  const page = await join(browser, await openSession('on a phone'), { context });
  assert.ok(await contextIsLive(page));
  await shoot(page);
  const beyond = await page.evaluate(() =>
    [...document.querySelectorAll('button, [data-testid]')]
      .map((e) => ({ e, box: e.getBoundingClientRect() }))
      .filter(({ box }) => box.width > 0 && (box.left < 0 || box.right > innerWidth || box.top < 0 || box.bottom > innerHeight))
      .map(({ e }) => e.outerHTML),
  );
  assert.deepEqual(beyond, [], 'everything is within the screen');

  const avatar = await ownAvatar(page);
  const from = await position(page, avatar);
  const stick = await page.getByTestId('stick').boundingBox();
  const touch = await page.context().newCDPSession(page);
  const middle = { x: stick.x + stick.width / 2, y: stick.y + stick.height / 2 };
  await touch.send('Input.dispatchTouchEvent', { type: 'touchStart', touchPoints: [middle] });
  await touch.send('Input.dispatchTouchEvent', { type: 'touchMove', touchPoints: [{ x: middle.x, y: middle.y - 40 }] });
  const gone = ({ avatar, from }) => {
    const to = window.__hd1.entity(avatar).components.Transform.position;
    return Math.hypot(to[0] - from[0], to[2] - from[2]) > 1;
  };
  await until(page, gone, { avatar, from }, 'the thumb has moved the avatar');
  await touch.send('Input.dispatchTouchEvent', { type: 'touchEnd', touchPoints: [] });

  await page.getByRole('button', { name: 'Add shape' }).tap();
  await page.getByRole('button', { name: 'Box' }).tap();
  await page.getByTestId('inspector').waitFor();
  await page.context().close();
});

test('the README has its picture', { skip: !process.env.HD1_PICTURE }, async () => {
  const session = await openSession('Lobby');
  const size = { viewport: { width: 1200, height: 675 } };
  // Nobody looks through the friends' eyes, and drawing by software takes its time.
  const small = { viewport: { width: 200, height: 150 } };
  const friends = await Promise.all(['Grace', 'Edsger', 'Barbara'].map((name) => join(browser, session, { name, query: '&quality=low', context: small })));
  for (const [i, page] of friends.entries()) await walk(page, await ownAvatar(page), 'w', 4 + 2 * i);
  const page = await join(browser, session, { name: 'Ada', query: '&quality=high', context: size });
  await page.getByPlaceholder('Say something').fill('The carousel is mine today.');
  await page.getByPlaceholder('Say something').press('Enter');
  await page.getByRole('heading', { name: 'Lobby' }).waitFor();
  await page.getByRole('log').getByText('carousel').waitFor();
  await until(page, () => window.__hd1.avatars.length === 4, undefined, 'all are here');
  await Promise.all(friends.map((friend) => friend.goto('about:blank')));
  writeFileSync(process.env.HD1_PICTURE, await shoot(page, false));
  assert.ok(statSync(process.env.HD1_PICTURE).size <= PICTURE_BYTES_MAX);
});
