// Who sits here: a name, kept for next time, and a token, kept as long as the tab.

const NAME = 'hd1.name';
const TOKEN = 'hd1.token';

class Account {
  name = $state(read(localStorage, NAME));
  token = $state<string | null>(read(sessionStorage, TOKEN) || null);

  rename(name: string): void {
    this.name = name.trim().slice(0, 40);
    write(localStorage, NAME, this.name);
  }

  signIn(token: string | null): void {
    this.token = token;
    write(sessionStorage, TOKEN, token ?? '');
  }
}

export const account = new Account();

function read(storage: Storage, key: string): string {
  try {
    return storage.getItem(key) ?? '';
  } catch {
    return '';
  }
}

function write(storage: Storage, key: string, value: string): void {
  try {
    if (value) storage.setItem(key, value);
    else storage.removeItem(key);
  } catch {
    // Forbidden storage only costs the memory of it.
  }
}
