// Everything that steers, added up: keys, the touch stick and its buttons.

import { Keyboard } from './keyboard';

export interface Steering {
  strafe: number;
  forward: number;
  buttons: number;
}

export class Controls {
  /** The touch stick, −1 … 1 each way; written by the stick. */
  readonly stick: Steering = { strafe: 0, forward: 0, buttons: 0 };
  private readonly keyboard = new Keyboard();
  private blocker: () => boolean = () => false;

  /** Who may say that the pointer is busy with something else. */
  setBlocker(blocker: () => boolean): void {
    this.blocker = blocker;
  }

  get blocked(): boolean {
    return this.blocker();
  }

  sample(): Steering {
    return {
      strafe: clamp(this.keyboard.strafe + this.stick.strafe),
      forward: clamp(this.keyboard.forward + this.stick.forward),
      buttons: this.keyboard.buttons | this.stick.buttons,
    };
  }

  dispose(): void {
    this.keyboard.dispose();
  }
}

const clamp = (v: number): number => Math.max(-1, Math.min(1, v));
