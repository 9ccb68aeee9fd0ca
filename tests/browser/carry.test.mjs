// Taking hold of a cube by key, by a press and by touch; the other sees it carried, and it falls when it is let go.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { api, browse, join, openSession, position, until } from './lib.mjs';

let browser;
let session;
let ada;
let bob;
before(async () => {
  browser = await browse();
  session = await openSession('carrying', 'cubes');
  [ada, bob] = await Promise.all([join(browser, session, { name: 'Ada' }), join(browser, session, { name: 'Bob' })]);
});
after(() => browser.close());

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

/** Waits until a page sees who holds an entity; 0 is nobody. */
async function held(page, id, player) {
  const by = ({ id, player }) => (window.__hd1.entity(id)?.components.Authority?.player ?? 0) === player;
  await until(page, by, { id, player }, `player ${player} holds ${id}`);
}

async function raised(page, id, above) {
  await until(page, ({ id, above }) => window.__hd1.entity(id).components.Transform.position[1] > above, { id, above }, 'it is in the air');
}

async function fallen(page, id) {
  await until(page, (id) => window.__hd1.entity(id).components.Transform.position[1] < 0.7, id, 'it has fallen');
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

test('while E is held a cube is carried before the camera, and the other sees it', async () => {
  await aimed(ada);
  assert.match(await ada.getByTestId('grip').innerText(), /Hold E/);
  const player = await ada.evaluate(() => window.__hd1.player);
  await ada.locator('canvas').focus();
  await ada.keyboard.down('KeyE');
  const id = await carried(ada);
  await held(bob, id, player);
  await raised(bob, id, 0.9);
  // Turned half about, the cube comes along.
  const before = await position(bob, id);
  const { width, height } = ada.viewportSize();
  await ada.mouse.move(width / 2, height / 2);
  await ada.mouse.down();
  await ada.mouse.move(width / 2 - 300, height / 2 - 60, { steps: 8 });
  await until(bob, ({ id, x }) => Math.abs(window.__hd1.entity(id).components.Transform.position[0] - x) > 1, { id, x: before[0] }, 'it is carried about');
  await ada.mouse.up();
  if (process.env.HD1_PICTURES) await ada.screenshot({ path: `${process.env.HD1_PICTURES}/carry-wide.png` });
  await ada.keyboard.up('KeyE');
  await held(bob, id, 0);
  await fallen(bob, id);
});

test('the inspector says who holds it, and the API takes it out of the hand', async () => {
  await aimed(ada);
  await ada.keyboard.down('KeyE');
  const id = await carried(ada);
  await raised(bob, id, 0.9);
  await click(ada, id);
  await ada.getByTestId('inspector').getByText('held by you').waitFor();
  await ada.keyboard.press('Escape');
  await api('DELETE', `/api/sessions/${session}/entities/${id}/authority`);
  await until(ada, () => window.__hd1.carried === null, undefined, 'the hand is empty');
  await ada.keyboard.up('KeyE');
  await fallen(bob, id);
});

test('on a phone a button takes hold', async () => {
  const phone = await join(browser, session, {
    name: 'Cid',
    context: { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, deviceScaleFactor: 1 },
  });
  await aimed(phone);
  const grip = phone.getByTestId('grip');
  await grip.waitFor();
  const finger = await phone.context().newCDPSession(phone);
  const { x, y, width, height } = await grip.boundingBox();
  const touchPoints = [{ x: x + width / 2, y: y + height / 2 }];
  await finger.send('Input.dispatchTouchEvent', { type: 'touchStart', touchPoints });
  const id = await carried(phone);
  const player = await phone.evaluate(() => window.__hd1.player);
  await held(bob, id, player);
  await raised(bob, id, 0.9);
  if (process.env.HD1_PICTURES) await phone.screenshot({ path: `${process.env.HD1_PICTURES}/carry-narrow.png` });
  await finger.send('Input.dispatchTouchEvent', { type: 'touchEnd', touchPoints: [] });
  await held(bob, id, 0);
  await fallen(bob, id);
  assert.deepEqual(phone.complaints, []);
});

test('nothing was complained of', () => {
  assert.deepEqual([...ada.complaints, ...bob.complaints], []);
});
