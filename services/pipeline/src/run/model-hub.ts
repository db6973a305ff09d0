import { availableParallelism, totalmem } from "node:os";
import { join } from "node:path";
import { AppError, type Config, type Logger, metrics, modelDir, toAppError } from "@podcast/base";
import {
  Diarizer,
  Embedder,
  findModel,
  type InstalledModel,
  type InstallProgress,
  installedModel,
  installModel,
  type ModelEntry,
  type SpeechEngine,
  startSpeechEngine,
  VoiceActivity,
} from "@podcast/models";

export interface HubOptions {
  config: Config;
  logger: Logger;
  signal: AbortSignal;
  onInstall?: ((event: InstallProgress) => void) | undefined;
  onBuild?: ((line: string) => void) | undefined;
}

const DIARIZATION = ["diarization/segmentation-3.0", "speaker/campplus-zh-en"] as const;
const VAD = "vad/silero-v5";
const EMBEDDING = "embedding/all-minilm-l6-v2";
/** How long a failed installation is not tried again: a run of many episodes should not ask for each. */
const RETRY_INSTALL_MS = 60_000;

/** All models of a run: found, fetched once, loaded when first used, stopped together. A failure is remembered. */
export class ModelHub {
  readonly #options: HubOptions;
  readonly #installs = new Map<string, Promise<InstalledModel>>();
  #engine: { model: string; engine: Promise<SpeechEngine> } | undefined;
  #diarizer: Diarizer | undefined;
  #embedder: Embedder | undefined;
  #vad: { path: string | undefined; vad: VoiceActivity } | undefined;

  constructor(options: HubOptions) {
    this.#options = options;
  }

  get threads(): number {
    return this.#options.config["transcription.threads"] || Math.min(8, availableParallelism());
  }

  get #cache(): string {
    return modelDir(this.#options.config);
  }

  /**
   * Installs a model; later calls get the same answer. A failure is the answer for a while only: a worker lives for
   * months, and the network, the mirror or another process may bring the model meanwhile.
   */
  install(id: string): Promise<InstalledModel> {
    let install = this.#installs.get(id);
    if (install === undefined) {
      install = this.#install(id);
      this.#installs.set(id, install);
      install.catch(() => setTimeout(() => this.#installs.delete(id), RETRY_INSTALL_MS).unref());
    }
    return install;
  }

  async #install(id: string): Promise<InstalledModel> {
    const entry = requireModel(id);
    const { config, signal, onInstall } = this.#options;
    try {
      return await installModel(entry, {
        cache: this.#cache,
        mirror: config["models.mirror"],
        offline: config["models.offline"],
        signal,
        onProgress: onInstall,
      });
    } catch (error) {
      metrics.modelLoadFailures.inc({ capability: entry.capability });
      throw error;
    }
  }

  async installed(id: string): Promise<boolean> {
    return (await installedModel(requireModel(id), this.#cache)) !== undefined;
  }

  /** Whisper models for this machine and language, best first: those that it runs at a bearable speed. */
  whisperCandidates(language: string): string[] {
    const asked = this.#options.config["transcription.model"];
    if (asked !== "auto") return [requireModel(asked).id];
    const english = language === "en";
    const roomy = availableParallelism() >= 4 && totalmem() > 6 * 2 ** 30;
    const base = ["whisper/base-q5_1", "whisper/base"];
    const tiny = english ? ["whisper/tiny.en-q5_1", "whisper/tiny.en"] : [];
    return roomy ? [...base, ...tiny] : [...tiny, ...base];
  }

  /** The Whisper model that is here, or undefined. */
  async whisperModel(language: string): Promise<string | undefined> {
    for (const id of this.whisperCandidates(language)) if (await this.installed(id)) return id;
    return undefined;
  }

  /** Fetches the first candidate that can be had. */
  async ensureWhisper(language: string): Promise<string> {
    const present = await this.whisperModel(language);
    if (present !== undefined) return present;
    const said: string[] = [];
    for (const id of this.whisperCandidates(language)) {
      try {
        return (await this.install(id)).id;
      } catch (error) {
        if (toAppError(error).code !== "MODEL_MISSING") throw error;
        said.push((error as Error).message);
      }
    }
    throw new AppError("MODEL_MISSING", `No Whisper model is here, and none could be fetched.\n${said.join("\n")}`, {
      hint: "`podcast models pull` tries again; MODEL_MIRROR=<folder or URL> names a place that has one.",
    });
  }

  /** The loaded decoder for this model; started once and kept. */
  async speechEngine(id: string): Promise<SpeechEngine> {
    if (this.#engine?.model === id) {
      const running = await this.#engine.engine.catch(() => undefined);
      if (running) return running;
    }
    await this.#engine?.engine.then((engine) => engine.close()).catch(() => {});
    const model = (await this.install(id)).files["model.bin"] as string;
    const { logger, signal, onBuild } = this.#options;
    const engine = startSpeechEngine({
      model,
      threads: this.threads,
      cache: join(this.#cache, "engines"),
      logger,
      signal,
      onBuild,
    });
    engine.catch(() => {});
    this.#engine = { model: id, engine };
    return engine;
  }

  /** Forgets a decoder that has died, so that the next call starts another. */
  async dropSpeechEngine(): Promise<void> {
    const held = this.#engine;
    this.#engine = undefined;
    await held?.engine.then((engine) => engine.close()).catch(() => {});
  }

  async diarizationReady(): Promise<boolean> {
    for (const id of DIARIZATION) if (!(await this.installed(id))) return false;
    return true;
  }

  /** The diarizer and its model files. Throws MODEL_MISSING. */
  async diarizer(): Promise<{ diarizer: Diarizer; segmentation: string; embedding: string }> {
    const [segmentation, embedding] = [await this.install(DIARIZATION[0]), await this.install(DIARIZATION[1])];
    this.#diarizer ??= new Diarizer();
    return {
      diarizer: this.#diarizer,
      segmentation: segmentation.files["model.onnx"] as string,
      embedding: embedding.files["model.onnx"] as string,
    };
  }

  /** Silero where it can be had, else the energy of the signal. */
  async voiceActivity(): Promise<VoiceActivity> {
    const model = await this.install(VAD).catch((error) => {
      if (toAppError(error).code === "ABORTED") throw error;
      return undefined;
    });
    const path = model?.files["model.onnx"];
    if (this.#vad === undefined || this.#vad.path !== path) {
      this.#vad?.vad.close();
      this.#vad = { path, vad: new VoiceActivity(path) };
    }
    return this.#vad.vad;
  }

  /** Id of the embedding model that is here, or undefined. */
  async embeddingModel(): Promise<string | undefined> {
    const id = this.#embeddingId();
    return id !== undefined && (await this.installed(id)) ? id : undefined;
  }

  /** The embedder, or undefined where no model is wanted or can be had. */
  async embedder(): Promise<Embedder | undefined> {
    const id = this.#embeddingId();
    if (id === undefined) return undefined;
    if (this.#embedder) return this.#embedder;
    try {
      const model = await this.install(id);
      this.#embedder = new Embedder({
        model: id,
        folder: model.folder,
        dimensions: requireModel(id).dimensions ?? 384,
        threads: Math.min(2, this.threads),
      });
      return this.#embedder;
    } catch (error) {
      if (toAppError(error).code !== "MODEL_MISSING" || this.#options.config["embedding.model"] !== "auto") throw error;
      return undefined;
    }
  }

  /** Loads what these stages need before the first job asks for it. Throws MODEL_MISSING. */
  async warm({ speech, meaning }: { speech: boolean; meaning: boolean }): Promise<void> {
    const { language } = this.#options.config;
    if (speech) {
      await this.speechEngine(await this.ensureWhisper(language === "auto" ? "en" : language));
      await this.voiceActivity();
    }
    if (meaning) await (await this.embedder())?.embed(["warm"]);
  }

  #embeddingId(): string | undefined {
    const wanted = this.#options.config["embedding.model"];
    if (wanted === "none") return undefined;
    return wanted === "auto" ? EMBEDDING : requireModel(wanted).id;
  }

  async close(): Promise<void> {
    this.#diarizer?.close();
    this.#embedder?.close();
    this.#vad?.vad.close();
    await this.dropSpeechEngine();
  }
}

function requireModel(id: string): ModelEntry {
  const entry = findModel(id);
  if (entry === undefined)
    throw new AppError("MODEL_UNKNOWN", `No model has the id ${id}.`, { hint: "`podcast models list` names them." });
  return entry;
}
