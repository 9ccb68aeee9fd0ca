// Held keys as movement. Typing into a field is no walking.

const AXES: Record<string, [strafe: number, forward: number]> = {
  KeyW: [0, 1],
  ArrowUp: [0, 1],
  KeyS: [0, -1],
  ArrowDown: [0, -1],
  KeyA: [-1, 0],
  ArrowLeft: [-1, 0],
  KeyD: [1, 0],
  ArrowRight: [1, 0],
};
const BUTTONS: Record<string, number> = { Space: 1, ShiftLeft: 2, ShiftRight: 2, KeyE: 4 };

export class Keyboard {
  private readonly held = new Set<string>();
  private readonly stop = new AbortController();

  constructor() {
    const { signal } = this.stop;
    addEventListener('keydown', (event) => this.down(event), { signal });
    addEventListener('keyup', (event) => this.held.delete(event.code), { signal });
    addEventListener('blur', () => this.held.clear(), { signal });
  }

  get strafe(): number {
    return this.axis(0);
  }

  get forward(): number {
    return this.axis(1);
  }

  get buttons(): number {
    let bits = 0;
    for (const code of this.held) bits |= BUTTONS[code] ?? 0;
    return bits;
  }

  dispose(): void {
    this.stop.abort();
  }

  private axis(which: 0 | 1): number {
    let sum = 0;
    for (const code of this.held) sum += AXES[code]?.[which] ?? 0;
    return Math.sign(sum);
  }

  private down(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey || inControl(event)) return;
    if (!(event.code in AXES) && !(event.code in BUTTONS)) return;
    if (event.code.startsWith('Arrow') || event.code === 'Space') event.preventDefault();
    this.held.add(event.code);
  }
}

/** Is the key meant for a field or button? Letters pressed on a button still walk; only its own keys do not. */
export function inControl(event: KeyboardEvent): boolean {
  const target = event.target;
  if (!(target instanceof HTMLElement)) return false;
  if (target.matches('input, textarea, select, [contenteditable]')) return true;
  return event.code === 'Space' && target.matches('button, a, [role="option"]');
}
