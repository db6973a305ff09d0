const CHOICES = ["auto", "light", "dark"] as const;
type Choice = (typeof CHOICES)[number];

/** Colours: as the system says, or light, or dark. The page's head sets them before the first paint. */
class Theme {
  choice = $state<Choice>("auto");

  constructor() {
    const kept = typeof document === "undefined" ? undefined : document.documentElement.dataset.theme;
    if (kept === "light" || kept === "dark") this.choice = kept;
  }

  turn(): void {
    this.choice = CHOICES[(CHOICES.indexOf(this.choice) + 1) % CHOICES.length] as Choice;
    if (this.choice === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = this.choice;
    try {
      localStorage.setItem("theme", this.choice);
    } catch {
      // A browser that keeps nothing shows the choice until it is closed.
    }
  }
}

export const theme = new Theme();
