// Making, moving and removing a shape by the page's own controls; the other sees it, and a refusal is told.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { browse, converge, join, openSession, until } from './lib.mjs';

let browser;
let ada;
let bob;
before(async () => {
  browser = await browse();
  const session = await openSession('building');
  [ada, bob] = await Promise.all([join(browser, session, { name: 'Ada' }), join(browser, session, { name: 'Bob' })]);
});
after(() => browser.close());

test('a shape is made, moved and deleted, and the other sees each', async () => {
  await ada.getByRole('button', { name: 'Add shape' }).click();
  await ada.getByRole('radio', { name: 'Blue' }).click();
  await ada.getByRole('button', { name: 'Sphere' }).click();
  await until(ada, () => window.__hd1.selected !== null, undefined, 'the new shape is selected');
  const id = await ada.evaluate(() => window.__hd1.selected);
  const made = await converge([ada, bob], id);
  assert.equal(made.components.Geometry.shape, 'sphere');
  const player = await ada.evaluate(() => window.__hd1.player);
  assert.equal(made.components.Owner.player, player);

  const inspector = ada.getByTestId('inspector');
  const x = inspector.getByLabel('Position X in metres');
  await x.fill('7.5');
  await x.press('Enter');
  await until(bob, (id) => Math.abs(window.__hd1.entity(id).components.Transform.position[0] - 7.5) < 0.01, id, 'Bob sees it moved');

  await inspector.getByRole('button', { name: 'Delete' }).click();
  await until(bob, (id) => window.__hd1.entity(id) === null, id, 'Bob sees it gone');
  await inspector.waitFor({ state: 'hidden' });
});

test('handles drag a shape', async () => {
  await ada.getByRole('button', { name: 'Add shape' }).click();
  await ada.getByRole('button', { name: 'Box' }).click();
  await until(ada, () => window.__hd1.selected !== null, undefined, 'the new shape is selected');
  const id = await ada.evaluate(() => window.__hd1.selected);
  const before = (await converge([ada, bob], id)).components.Transform.position;
  await dragHandle(ada);
  const moved = ({ id, before }) => {
    const now = window.__hd1.entity(id).components.Transform.position;
    return Math.hypot(...now.map((v, i) => v - before[i])) > 0.2;
  };
  await until(bob, moved, { id, before }, 'Bob sees it dragged');
  await converge([ada, bob], id);
  await ada.keyboard.press('Escape');
});

test('what belongs to the world is not for everyone to delete', async () => {
  // The ground fills the lower left of the picture.
  await ada.locator('canvas').click({ position: { x: 200, y: 520 } });
  await ada.getByTestId('inspector').getByText('belongs to the world').waitFor();
  const id = await ada.evaluate(() => window.__hd1.selected);
  await ada.getByTestId('inspector').getByRole('button', { name: 'Delete' }).click();
  const toast = ada.getByRole('status').locator('.refused');
  await toast.waitFor();
  assert.match(await toast.innerText(), /\w+ \w+/);
  assert.ok(await ada.evaluate((id) => window.__hd1.entity(id) !== null, id), 'it is still there');
});

test('what is said is heard', async () => {
  const field = ada.getByPlaceholder('Say something');
  await field.fill('Good evening');
  await field.press('Enter');
  for (const page of [ada, bob]) await page.getByRole('log').getByText('Good evening').waitFor();
  assert.equal(await field.inputValue(), '');
});

test('nothing was complained of', () => {
  assert.deepEqual([...ada.complaints, ...bob.complaints], []);
});

/** Drags whatever handle is found around the middle of the picture, where a new shape stands. */
async function dragHandle(page) {
  const { width, height } = page.viewportSize();
  const onHandle = () =>
    page.evaluate(async () => {
      // The page looks at the pointer once a frame.
      await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
      return document.querySelector('canvas').style.cursor === 'move';
    });
  for (let radius = 10; radius < 120; radius += 10) {
    for (let i = 0; i < 16; i++) {
      const x = width / 2 + Math.cos((i * Math.PI) / 8) * radius;
      const y = height / 2 + Math.sin((i * Math.PI) / 8) * radius;
      await page.mouse.move(x, y);
      if (!(await onHandle())) continue;
      await page.mouse.down();
      await page.mouse.move(x + 40, y - 40, { steps: 6 });
      await page.mouse.up();
      return;
    }
  }
  throw new Error('no handle was found');
}
