// What the stories share: a browser, pages in a session, and questions to the server.

import { chromium } from 'playwright-core';

/** How long anything may take before a story fails: far beyond what it takes on a busy machine. */
export const PATIENCE_MS = 30_000;

export const server = process.env.HD1_URL;
export const adminToken = process.env.HD1_ADMIN_TOKEN;

// No sandbox: containers and root have none to give. No GPU: the picture is drawn by software, the same everywhere.
const FLAGS = ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];

/** A fresh browser process; two of them share nothing. */
export function browse() {
  return chromium.launch({ executablePath: process.env.HD1_CHROMIUM ?? '/usr/bin/chromium', headless: true, args: FLAGS });
}

/** Asks the API; the JSON of the answer, or an error with all of it. */
export async function api(method, path, body, { token = adminToken, base = server } = {}) {
  const headers = { ...(token && { authorization: `Bearer ${token}` }), ...(body && { 'content-type': 'application/json' }) };
  const response = await fetch(base + path, { method, headers, body: body && JSON.stringify(body) });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
  return text && JSON.parse(text);
}

/** Makes a session that guests find and join. */
export async function openSession(name, scene = 'lobby') {
  const made = await api('POST', '/api/sessions', { name, scene, visibility: 'public', settings: { guests: true } });
  return made.id;
}

/**
 * A page of its own context: `path` is what follows the server's address. Everything that the browser complains of
 * (errors, broken policies) is collected in `page.complaints`.
 */
export async function open(browser, path, { context = {}, before, name, base = server } = {}) {
  const owner = await browser.newContext({ viewport: { width: 1000, height: 640 }, ...context });
  const page = await owner.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  page.complaints = [];
  page.on('pageerror', (error) => page.complaints.push(`uncaught: ${error.message}`));
  page.on('console', (message) => {
    if (message.type() === 'error') page.complaints.push(message.text());
  });
  if (before) await page.addInitScript(before);
  if (name) await page.addInitScript((given) => localStorage.setItem('hd1.name', given), name);
  await page.goto(base + path);
  return page;
}

/** The same, and in the session, under a name. */
export async function join(browser, session, { query = '', name, ...options } = {}) {
  const page = await open(browser, `/?session=${session}${query}`, { ...options, name });
  await connected(page);
  return page;
}

/** Waits until the page shows a world. */
export async function connected(page) {
  await until(page, () => window.__hd1?.status === 'connected' && window.__hd1.tick > 0, undefined, 'the page is connected');
}

/** Waits until `test(arg)` is true in the page; what it says of itself goes into the failure. */
export async function until(page, test, arg, what) {
  try {
    await page.waitForFunction(test, arg, { timeout: PATIENCE_MS, polling: 50 });
  } catch (error) {
    const seen = await page.evaluate(() => window.__hd1 && { ...window.__hd1 }).catch(() => 'no page');
    throw new Error(`it did not come to: ${what}; the page is at ${JSON.stringify(seen)}, it complained ${JSON.stringify(page.complaints)}`, { cause: error });
  }
}

/** The page's own avatar: the entity's id. */
export async function ownAvatar(page) {
  await until(page, () => window.__hd1.avatars.some(({ player }) => player === window.__hd1.player), undefined, 'the page has an avatar');
  return page.evaluate(() => window.__hd1.avatars.find(({ player }) => player === window.__hd1.player).id);
}

/** Where an entity is by the page's mirror; nothing where it is not. */
export function position(page, id) {
  return page.evaluate((id) => window.__hd1.entity(id)?.components.Transform.position, id);
}

/** Waits until two pages have the same of an entity. */
export async function converge(pages, id) {
  const [first, ...others] = pages;
  const view = () => first.evaluate((id) => JSON.stringify(window.__hd1.entity(id)), id);
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    const seen = await view();
    const theirs = await Promise.all(others.map((page) => page.evaluate((id) => JSON.stringify(window.__hd1.entity(id)), id)));
    // Asked again, so that what moved in between is not compared.
    if (seen !== 'null' && seen === (await view()) && theirs.every((other) => other === seen)) return JSON.parse(seen);
    if (Date.now() > deadline) throw new Error(`they differ on entity ${id}: ${seen} against ${theirs}`);
  }
}

/** Holds a key until the page's avatar has gone `metres` from where it was. */
export async function walk(page, id, key, metres) {
  const from = await position(page, id);
  await page.locator('canvas').focus();
  await page.keyboard.down(key);
  await until(
    page,
    ({ id, from, metres }) => {
      const to = window.__hd1.entity(id).components.Transform.position;
      return Math.hypot(to[0] - from[0], to[2] - from[2]) > metres;
    },
    { id, from, metres },
    `the avatar has gone ${metres} m`,
  );
  await page.keyboard.up(key);
}
