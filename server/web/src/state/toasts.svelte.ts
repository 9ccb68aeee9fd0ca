// Short words about what just happened; they go by themselves.

export interface Toast {
  id: number;
  kind: 'info' | 'refused';
  text: string;
}

const SHOWN_MS = 6000;
const SHOWN_MAX = 4;

class Toasts {
  list = $state<Toast[]>([]);
  private next = 1;

  say(kind: Toast['kind'], text: string): void {
    // The same refusal again is not news.
    this.list = this.list.filter((toast) => toast.text !== text).slice(1 - SHOWN_MAX);
    const toast = { id: this.next++, kind, text };
    this.list.push(toast);
    setTimeout(() => this.dismiss(toast.id), SHOWN_MS);
  }

  dismiss(id: number): void {
    this.list = this.list.filter((toast) => toast.id !== id);
  }
}

export const toasts = new Toasts();
