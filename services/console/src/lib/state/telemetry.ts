import type { ConsoleInfo } from "#lib/api/client.ts";

let started = false;

/** Errors, web vitals and traces go to the collector that the box names; without one, nothing is loaded or sent. */
export async function startTelemetry(info: ConsoleInfo): Promise<void> {
  if (started || info.faro_url === null) return;
  started = true;
  const { initializeFaro, getWebInstrumentations } = await import("@grafana/faro-web-sdk");
  initializeFaro({
    url: info.faro_url,
    app: { name: "podcast-console", version: info.version },
    // Console output may hold titles and quotes: it stays here.
    instrumentations: getWebInstrumentations({ captureConsole: false }),
  });
}
