// Mouse and fingers on the picture: drag to look, tap to pick, press to take hold, wheel or pinch to zoom.

export interface PointerHandler {
  /** Radians. */
  look(dx: number, dy: number): void;
  zoom(factor: number): void;
  /** A tap at a point of the canvas, in pixels. */
  tap(x: number, y: number): void;
  /** A press that stays where it is; is there anything to hold? */
  hold(x: number, y: number): boolean;
  /** The press that held something is over. */
  lift(): void;
  /** Does something else own the pointer now? */
  blocked(): boolean;
}

const RADIANS_PER_PX = 0.0042;
/** A press that moves farther is a drag. */
const TAP_PX = 6;
const TAP_MS = 500;
/** A press that stays for so long takes hold. */
const HOLD_MS = 280;

interface Press {
  x: number;
  y: number;
  fromX: number;
  fromY: number;
  atMs: number;
  dragged: boolean;
  holds: boolean;
  timer: number;
}

export class PointerInput {
  private readonly presses = new Map<number, Press>();
  private readonly stop = new AbortController();
  private pinch = 0;

  constructor(
    private readonly canvas: HTMLElement,
    private readonly handler: PointerHandler,
  ) {
    const { signal } = this.stop;
    canvas.addEventListener('pointerdown', (e) => this.down(e), { signal });
    canvas.addEventListener('pointermove', (e) => this.move(e), { signal });
    canvas.addEventListener('pointerup', (e) => this.up(e), { signal });
    canvas.addEventListener('pointercancel', (e) => this.end(e.pointerId), { signal });
    canvas.addEventListener('contextmenu', (e) => e.preventDefault(), { signal });
    canvas.addEventListener('wheel', (e) => this.wheel(e), { signal, passive: false });
  }

  dispose(): void {
    this.stop.abort();
    for (const id of [...this.presses.keys()]) this.end(id);
  }

  private down(event: PointerEvent): void {
    if (this.handler.blocked()) return;
    this.canvas.focus({ preventScroll: true });
    this.canvas.setPointerCapture(event.pointerId);
    const { offsetX: x, offsetY: y } = event;
    const timer = window.setTimeout(() => this.hold(event.pointerId), HOLD_MS);
    this.presses.set(event.pointerId, { x, y, fromX: x, fromY: y, atMs: event.timeStamp, dragged: false, holds: false, timer });
    this.pinch = this.spread();
  }

  private hold(id: number): void {
    const press = this.presses.get(id);
    if (!press || press.dragged || this.presses.size > 1 || this.handler.blocked()) return;
    press.holds = this.handler.hold(press.x, press.y);
  }

  /** Forgets a press, which lets go of what it held. */
  private end(id: number): Press | undefined {
    const press = this.presses.get(id);
    this.presses.delete(id);
    clearTimeout(press?.timer);
    if (press?.holds) this.handler.lift();
    return press;
  }

  private move(event: PointerEvent): void {
    const press = this.presses.get(event.pointerId);
    if (!press || this.handler.blocked()) return;
    const dx = event.offsetX - press.x;
    const dy = event.offsetY - press.y;
    press.x = event.offsetX;
    press.y = event.offsetY;
    if (Math.hypot(press.x - press.fromX, press.y - press.fromY) > TAP_PX) press.dragged = true;
    if (this.presses.size === 2) {
      const spread = this.spread();
      if (this.pinch > 0 && spread > 0) this.handler.zoom(this.pinch / spread);
      this.pinch = spread;
    } else if (press.dragged) {
      this.handler.look(dx * RADIANS_PER_PX, dy * RADIANS_PER_PX);
    }
  }

  private up(event: PointerEvent): void {
    const press = this.end(event.pointerId);
    if (!press || press.holds || press.dragged || event.timeStamp - press.atMs > TAP_MS || this.handler.blocked()) return;
    this.handler.tap(press.x, press.y);
  }

  private wheel(event: WheelEvent): void {
    event.preventDefault();
    this.handler.zoom(Math.exp(Math.max(-120, Math.min(120, event.deltaY)) * 0.0012));
  }

  private spread(): number {
    const [a, b] = [...this.presses.values()];
    return a && b ? Math.hypot(a.x - b.x, a.y - b.y) : 0;
  }
}
