import type { EngineInfo, ImagesFound } from '../engine/engine';
import { bytes } from '../messages';
import { redact } from '../engine/redact';
import { codeBlock } from '../ui/inert';

/** A value that was found, or a sentence about why it could not be found. */
export type Finding<T> = { value: T } | { problem: string };

export interface Diagnostics {
  window: Readonly<Record<string, string>>;
  engine: Finding<EngineInfo>;
  image: Finding<ImagesFound & { reference: string }>;
  sandboxes: readonly { notebook: string; state: string }[];
  /** The settings that do not have their default value. */
  settings: readonly { name: string; value: string }[];
  /** The names of the variables that are set, without their values, which may be secret. */
  environment: readonly string[];
}

/** Variables that decide which engine, proxy and certificates are used. */
const RELEVANT_VARIABLE =
  /^(DOCKER_\w+|CONTAINER_HOST|(HTTPS?|ALL|NO)_PROXY|PIP_\w+|REQUESTS_CA_BUNDLE|SSL_CERT_FILE|NODE_EXTRA_CA_CERTS|XDG_RUNTIME_DIR)$/i;

/**
 * Makes a Markdown page without secrets: addresses lose user names and passwords, and only the names of environment variables are shown. Text
 * from elsewhere (the name of a notebook, a reason from an engine, a setting) is in code blocks, so that neither a preview nor an issue
 * tracker turns it into links or pictures.
 */
export function diagnosticsText({ window, engine, image, sandboxes, settings, environment }: Diagnostics): string {
  const sections: [title: string, lines: string[]][] = [
    ['Window', Object.entries(window).map(([name, value]) => `${name}: ${value}`)],
    [
      'Container engine',
      of(engine, ({ product, version, apiVersion, endpoint, cpus, memory, seccomp }) => [
        `${product} ${version}, API ${apiVersion}`,
        `Endpoint: ${endpoint}`,
        `CPUs: ${cpus}`,
        `Memory: ${memory === 0 ? 'unknown' : bytes(memory)}`,
        `Seccomp profile: ${seccomp ? 'yes' : 'no: sandboxes are not started'}`,
      ]),
    ],
    [
      'Image',
      of(image, ({ base, reference, derived }) => [
        `Base: ${reference}${base === null ? ' (not on the engine yet: it is downloaded with the first cell)' : ` (${shortId(base)})`}`,
        `Sandbox image: ${derived === null ? 'not built yet: it is built with the first cell' : shortId(derived)}`,
      ]),
    ],
    ['Sandboxes of this window', sandboxes.map(({ notebook, state }) => `${notebook}: ${state}`)],
    ['Settings that are not the default', settings.map(({ name, value }) => `${name}: ${value}`)],
    [
      'Environment variables that matter (names only)',
      environment.filter((name) => RELEVANT_VARIABLE.test(name)).sort(),
    ],
  ];
  return [
    '# Sandboxed IPython: diagnostics\n',
    ...sections.map(
      ([title, lines]) =>
        `## ${title}\n${codeBlock(redact((lines.length === 0 ? ['none'] : lines).map((line) => `- ${oneLine(line)}`).join('\n')))}`,
    ),
  ].join('\n');
}

const of = <T>(finding: Finding<T>, lines: (value: T) => string[]): string[] =>
  'problem' in finding ? [finding.problem] : lines(finding.value);
const shortId = (id: string): string => id.replace(/^sha256:/, '').slice(0, 12);
const oneLine = (text: string): string => text.replace(/\s+/g, ' ');
