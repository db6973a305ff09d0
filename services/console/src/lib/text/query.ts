/** An address with some of its parameters changed; undefined takes one away. */
export function withQuery(
  url: { pathname: string; search: string },
  change: Record<string, string | undefined>,
): string {
  const next = new URLSearchParams(url.search);
  for (const [name, value] of Object.entries(change)) {
    if (value === undefined) next.delete(name);
    else next.set(name, value);
  }
  const text = next.toString();
  return text === "" ? url.pathname : `${url.pathname}?${text}`;
}
