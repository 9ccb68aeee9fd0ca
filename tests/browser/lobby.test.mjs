// The door: the list of sessions, signing in, and the way in and out.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { adminToken, api, browse, connected, open, openSession } from './lib.mjs';

let browser;
before(async () => (browser = await browse()));
after(() => browser.close());

test('a guest who finds one open session is in it at once', async () => {
  const page = await open(browser, '/');
  await connected(page);
  const { sessions } = await api('GET', '/api/sessions', undefined, { token: null });
  assert.equal(await page.evaluate(() => window.__hd1.session), sessions[0].id);
  assert.deepEqual(page.complaints, []);
  await page.context().close();
});

test('signing in shows what a guest does not see', async () => {
  await openSession('a second one');
  await api('POST', '/api/sessions', { name: 'hidden', scene: 'lobby', visibility: 'private' });
  const page = await open(browser, '/');
  await page.getByRole('heading', { name: 'a second one' }).waitFor();
  assert.equal(await page.getByRole('heading', { name: 'hidden' }).count(), 0);

  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByLabel(/^Token/).fill('wrong');
  await page.locator('form').getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('alert').waitFor();
  await page.getByLabel(/^Token/).fill(adminToken);
  await page.locator('form').getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('heading', { name: 'hidden' }).waitFor();

  await page.getByRole('button', { name: 'Join hidden' }).click();
  await connected(page);
  await page.goBack();
  await page.getByRole('heading', { name: 'hidden' }).waitFor();
  await page.context().close();
});

test('every control has a name and can be reached by keyboard', async () => {
  const page = await open(browser, '/');
  await page.getByRole('heading', { name: 'HD1' }).waitFor();
  await page.getByRole('button', { name: 'Join a second one' }).focus();
  await page.keyboard.press('Enter');
  await connected(page);
  const nameless = await page.evaluate(() =>
    [...document.querySelectorAll('button, input, a')]
      .filter((e) => !(e.getAttribute('aria-label') || e.textContent.trim() || e.labels?.length))
      .map((e) => e.outerHTML),
  );
  assert.deepEqual(nameless, []);
  await page.keyboard.press('F3');
  await page.getByTestId('netgraph').getByText('Round trip').waitFor();
  await page.getByTestId('netgraph').getByText('Draw delay').waitFor();
  await page.context().close();
});

test('a session that is not there says so and leads back', async () => {
  const page = await open(browser, '/?session=018f0000-0000-7000-8000-000000000000');
  await page.getByTestId('connection-cover').getByText('Session over').waitFor();
  await page.getByRole('button', { name: 'All sessions' }).click();
  await page.getByRole('heading', { name: 'HD1' }).waitFor();
  await page.context().close();
});
