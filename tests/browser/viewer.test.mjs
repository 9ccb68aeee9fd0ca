// Who only watches flies about freely, and is shown what is near where it flies; what the server has to say is seen.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { api, browse, join, openSession, until } from './lib.mjs';

let browser;
before(async () => (browser = await browse()));
after(() => browser.close());

test('a viewer flies, and is shown what is near', async () => {
  // A field of boxes ten metres apart.
  const components = { Geometry: { shape: 'box', size: [1, 1, 1] } };
  const grid = { kind: 'grid', count: [40, 1, 40], spacing: [10, 0, 10], components };
  const made = await api('POST', '/api/sessions', {
    name: 'Gallery',
    scene: { name: 'Field', entities: [], generate: [grid] },
    visibility: 'public',
    settings: { guests: true, guest_role: 'viewer' },
    replication: { view_m: 30 },
  });
  // Which of the scene's entities the page has.
  const helper = () => {
    window.shown = () => Array.from({ length: 1_601 }, (_, id) => id).filter((id) => window.__hd1.entity(id));
  };
  const page = await join(browser, made.id, { name: 'Vera', before: helper });
  await until(page, () => window.shown().length > 2 && window.__hd1.avatars.length === 0, undefined, 'it is shown something');
  const here = await page.evaluate(() => window.shown());
  assert.ok(here.length < 200, `${here.length} are shown`);

  await page.locator('canvas').focus();
  await page.keyboard.down('KeyW');
  const elsewhere = (here) => {
    const now = window.shown();
    return now.filter((id) => !here.includes(id)).length > 2 && here.filter((id) => !now.includes(id)).length > 2;
  };
  await until(page, elsewhere, here, 'other houses are shown, and some of the first no more');
  await page.keyboard.up('KeyW');
  assert.deepEqual(page.complaints, []);
  await page.context().close();
});

test('a notice of the server is shown to the person', async () => {
  const session = await openSession('Notices');
  const page = await join(browser, session, { name: 'Nora' });
  const say = (topic, text) => api('POST', `/api/sessions/${session}/messages`, { topic, data: { text } });
  await say('score', 'this is for programs');
  await say('notice', 'The server restarts in five minutes.');
  await page.getByText('The server restarts in five minutes.').waitFor();
  assert.equal(await page.getByText('this is for programs').count(), 0);
  assert.deepEqual(page.complaints, []);
  await page.context().close();
});
