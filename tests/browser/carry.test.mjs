// Taking hold of a cube by key and by touch: the server has it where it is carried, and it falls when it is let go.
//
// One page at a time, each in a session of its own: a page behind another draws seldom, and what is drawn is carried.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { api, browse, join, openSession, until } from './lib.mjs';

const PATIENCE_MS = 30_000;

let browser;
before(async () => {
  browser = await browse();
});
after(() => browser.close());

/** A page in a session of its own. */
async function enter(options) {
  const session = await openSession('carrying', 'cubes');
  return { session, page: await join(browser, session, options) };
}

/** Waits until the server has an entity so; answers its components. */
async function there(session, id, test, what) {
  const end = Date.now() + PATIENCE_MS;
  for (;;) {
    const { components } = await api('GET', `/api/sessions/${session}/entities/${id}`);
    if (test(components)) return components;
    assert.ok(Date.now() < end, `it did not come to: ${what}; it is ${JSON.stringify(components)}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

const height = ({ Transform }) => Transform.position[1];
const holder = ({ Authority }) => Authority?.player ?? 0;

/** Waits until something is aimed at. Only the page in front draws reliably, and what is drawn is carried. */
async function aimed(page) {
  await page.bringToFront();
  await until(page, () => window.__hd1.aimed !== null, undefined, 'a cube is aimed at');
}

/** What is in hand, once something is. */
async function carried(page) {
  await until(page, () => window.__hd1.carried !== null, undefined, 'something is in hand');
  return page.evaluate(() => window.__hd1.carried);
}

/** Clicks upwards from the middle of the picture until the entity is selected. */
async function click(page, id) {
  const { width, height } = page.viewportSize();
  for (let up = -60; up < height / 2; up += 12) {
    await page.mouse.click(width / 2, height / 2 - up);
    if ((await page.evaluate(() => window.__hd1.selected)) === id) return;
  }
  throw new Error(`entity ${id} was not met by any click`);
}

test('while E is held a cube is carried before the camera, and falls when it is let go', async () => {
  const { session, page } = await enter({ name: 'Ada' });
  await aimed(page);
  assert.match(await page.getByTestId('grip').innerText(), /Hold E/);
  const player = await page.evaluate(() => window.__hd1.player);
  await page.locator('canvas').focus();
  await page.keyboard.down('KeyE');
  const id = await carried(page);
  const before = await there(session, id, (it) => holder(it) === player && height(it) > 0.9, 'it is in the air');
  // Turned half about, the cube comes along.
  const { width, height: high } = page.viewportSize();
  await page.mouse.move(width / 2, high / 2);
  await page.mouse.down();
  await page.mouse.move(width / 2 - 300, high / 2 - 60, { steps: 8 });
  const [x] = before.Transform.position;
  await there(session, id, (it) => Math.abs(it.Transform.position[0] - x) > 1, 'it is carried about');
  await page.mouse.up();
  if (process.env.HD1_PICTURES) await page.screenshot({ path: `${process.env.HD1_PICTURES}/carry-wide.png` });
  await page.keyboard.up('KeyE');
  await there(session, id, (it) => holder(it) === 0 && height(it) < 0.7, 'it has fallen');
  assert.deepEqual(page.complaints, []);
  await page.context().close();
});

test('the inspector says who holds it, and the API takes it out of the hand', async () => {
  const { session, page } = await enter({ name: 'Bea' });
  await aimed(page);
  await page.locator('canvas').focus();
  await page.keyboard.down('KeyE');
  const id = await carried(page);
  await there(session, id, (it) => height(it) > 0.9, 'it is in the air');
  await click(page, id);
  await page.getByTestId('inspector').getByText('held by you').waitFor();
  await page.keyboard.press('Escape');
  await api('DELETE', `/api/sessions/${session}/entities/${id}/authority`);
  await until(page, () => window.__hd1.carried === null, undefined, 'the hand is empty');
  await page.keyboard.up('KeyE');
  await there(session, id, (it) => holder(it) === 0 && height(it) < 0.7, 'it has fallen');
  assert.deepEqual(page.complaints, []);
  await page.context().close();
});

test('on a phone a button takes hold', async () => {
  const { session, page } = await enter({
    name: 'Cid',
    context: { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, deviceScaleFactor: 1 },
  });
  await aimed(page);
  const grip = page.getByTestId('grip');
  await grip.waitFor();
  const finger = await page.context().newCDPSession(page);
  const { x, y, width, height: high } = await grip.boundingBox();
  const touchPoints = [{ x: x + width / 2, y: y + high / 2 }];
  await finger.send('Input.dispatchTouchEvent', { type: 'touchStart', touchPoints });
  const id = await carried(page);
  const player = await page.evaluate(() => window.__hd1.player);
  await there(session, id, (it) => holder(it) === player && height(it) > 0.9, 'it is in the air');
  if (process.env.HD1_PICTURES) await page.screenshot({ path: `${process.env.HD1_PICTURES}/carry-narrow.png` });
  await finger.send('Input.dispatchTouchEvent', { type: 'touchEnd', touchPoints: [] });
  await there(session, id, (it) => holder(it) === 0 && height(it) < 0.7, 'it has fallen');
  assert.deepEqual(page.complaints, []);
});
