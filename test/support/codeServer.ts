import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import { createServer, type AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export interface CodeServerOptions {
  /** The folder in which code-server is installed (`scripts/lib/code-server.mjs`); default `$CODE_SERVER_HOME`. */
  readonly home?: string;
  /** A folder of which the workspace is a copy; default an empty folder. */
  readonly workspace?: string;
  /** The folder that keeps settings, extensions and workspace; default a temporary one that `stop` removes. */
  readonly dataDir?: string;
  /** Extensions to install from their VSIX files, as users do. */
  readonly vsix?: readonly string[];
  /** Folders with an unpacked extension, used in place. */
  readonly extensionFolders?: readonly string[];
  /** The user's settings, which override {@link QUIET}. */
  readonly settings?: Readonly<Record<string, unknown>>;
  /** Settings of scope `machine`, which a remote window reads from the machine's own file. */
  readonly machineSettings?: Readonly<Record<string, unknown>>;
  readonly env?: Readonly<Record<string, string>>;
  /** A command in front of the server's own command, for example to hide something of this machine from the server. */
  readonly through?: readonly string[];
  /** Whether VS Code accepts its own automation hooks. They hide notifications, so window tests do not use them. */
  readonly testDriver?: boolean;
  /** A Unix socket to listen on, which only its owner may use, instead of a free port of the loopback. */
  readonly socket?: string;
}

/** No first-run pages, no network traffic, no interface that moves during a test. */
const QUIET = {
  'chat.disableAIFeatures': true,
  'extensions.autoCheckUpdates': false,
  'extensions.autoUpdate': false,
  'extensions.ignoreRecommendations': true,
  'git.enabled': false,
  'git.openRepositoryInParentFolders': 'never',
  'security.workspace.trust.enabled': false,
  'telemetry.telemetryLevel': 'off',
  'typescript.disableAutomaticTypeAcquisition': true,
  'update.mode': 'none',
  'workbench.enableExperiments': false,
  'workbench.secondarySideBar.defaultVisibility': 'hidden',
  'workbench.startupEditor': 'none',
  'workbench.tips.enabled': false,
};

/** If these variables were inherited from a terminal of VS Code, code-server would open files in that window. */
const MISLEADING = /^(VSCODE_(?!TEST_)|CODE_SERVER_|PASSWORD$|HASHED_PASSWORD$|PORT$)/;

const START_MS = 60_000;
const INSTALL_MS = 120_000;
/** VS Code gives extensions 5 s to deactivate. */
const STOP_MS = 10_000;
const KEPT_LOG = 100_000;

/** VS Code's server with its web workbench, on this machine only. */
export class CodeServer {
  /** The end of the server's output. */
  log = '';
  /** Resolves when the server has ended, for whatever reason. */
  readonly exited: Promise<void>;
  #ended: string | undefined;

  private constructor(
    readonly workspace: string,
    readonly address: { readonly port: number } | { readonly socketPath: string },
    private readonly process: ChildProcess,
    private readonly temporary: string | undefined,
  ) {
    for (const stream of [process.stdout, process.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.log = (this.log + text).slice(-KEPT_LOG);
      });
    }
    this.exited = new Promise((resolve) => {
      const end = (why: string) => {
        this.#ended ??= why;
        resolve();
      };
      process.once('error', (error) => end(error.message));
      process.once('exit', (code, signal) => end(`code-server ended (${signal ?? code})`));
    });
  }

  static async start(options: CodeServerOptions = {}): Promise<CodeServer> {
    const temporary =
      options.dataDir === undefined ? fs.mkdtempSync(path.join(os.tmpdir(), 'code-server-')) : undefined;
    const layout = prepareFolders(options, options.dataDir ?? temporary ?? '');
    const launcher = launcherOf(options, layout, temporary !== undefined);
    for (const file of options.vsix ?? []) {
      installExtension(launcher, file);
    }
    const address = options.socket === undefined ? { port: await freePort() } : { socketPath: options.socket };
    const listen =
      'port' in address
        ? ['--bind-addr', `127.0.0.1:${address.port}`]
        : ['--socket', address.socketPath, '--socket-mode', '600'];
    const [command = launcher.command, ...before] = [...(options.through ?? []), launcher.command];
    const child = spawn(
      command,
      [
        ...before,
        ...launcher.args,
        ...listen,
        '--auth',
        'none', // only tests share the loopback; `npm start` puts its own gate in front of the socket
        '--session-socket',
        path.join(layout.root, 'session.sock'),
        '--disable-telemetry',
        '--disable-update-check',
        '--disable-workspace-trust',
        '--disable-getting-started-override',
        '--ignore-last-opened',
        ...(options.testDriver === true ? ['--vscode-option', 'enable-smoke-test-driver'] : []),
      ],
      { env: launcher.env, stdio: ['ignore', 'pipe', 'pipe'], detached: true },
    );
    const server = new CodeServer(layout.workspace, address, child, temporary);
    try {
      await server.#answers();
    } catch (error) {
      await server.stop();
      throw error;
    }
    return server;
  }

  /** The reason why the server has ended, or undefined while it runs. */
  get ended(): string | undefined {
    return this.#ended;
  }

  /** The page's address without a query. */
  get origin(): string {
    if (!('port' in this.address)) {
      throw new Error('code-server listens on a socket, not on a port');
    }
    return `http://127.0.0.1:${this.address.port}`;
  }

  /**
   * Makes a copy of a folder that another window can open; `stop` removes the copy if the server is a temporary one.
   */
  addWorkspace(source: string): string {
    const folder = fs.mkdtempSync(path.join(path.dirname(this.workspace), `${path.basename(source)}-`));
    fs.cpSync(source, folder, { recursive: true });
    return folder;
  }

  /** Replaces the settings with which the server was started; its windows apply them at once. */
  setMachineSettings(settings: Readonly<Record<string, unknown>>): void {
    fs.writeFileSync(
      path.join(path.dirname(this.workspace), 'user', 'Machine', 'settings.json'),
      JSON.stringify(settings, null, 2),
    );
  }

  /** Returns a path of this machine in the form of the workbench's extension host. The authority must be the page's. */
  remoteUri(file: string): string {
    return `vscode-remote://${new URL(this.origin).host}${encodeURI(path.resolve(file))}`;
  }

  /** Returns the address of a page that opens a folder. `payload`: VS Code's own start options. */
  url({
    folder = this.workspace,
    payload,
  }: { folder?: string; payload?: ReadonlyArray<readonly [string, string]> } = {}): string {
    const url = new URL(this.origin);
    url.searchParams.set('folder', folder);
    if (payload !== undefined) {
      url.searchParams.set('payload', JSON.stringify(payload));
    }
    return url.href;
  }

  /**
   * Ends the server, and removes temporary files. Extension hosts end by themselves after the server, because only then
   * do they deactivate their extensions. May be called twice.
   */
  async stop(): Promise<void> {
    this.process.kill('SIGTERM');
    const deadline = Date.now() + STOP_MS;
    while (isGroupAlive(this.process) && Date.now() < deadline) {
      await sleep(50);
    }
    this.kill();
    if (this.temporary !== undefined) {
      fs.rmSync(this.temporary, { recursive: true, force: true, maxRetries: 5 });
    }
  }

  /** Ends the server and its extension hosts without a warning, as a crash would. */
  kill(): void {
    signalGroup(this.process, 'SIGKILL');
  }

  async #answers(): Promise<void> {
    const deadline = Date.now() + START_MS;
    while (!(await isHealthy(this.address))) {
      const why =
        this.#ended ?? (Date.now() > deadline ? `code-server did not answer within ${START_MS / 1000} s` : undefined);
      if (why !== undefined) {
        throw new Error(`${why}\n${this.log.slice(-3_000)}`);
      }
      await sleep(50);
    }
  }
}

interface Layout {
  readonly root: string;
  readonly user: string;
  readonly extensions: string;
  readonly workspace: string;
}

function prepareFolders(options: CodeServerOptions, root: string): Layout {
  const layout = {
    root,
    user: path.join(root, 'user'),
    extensions: path.join(root, 'extensions'),
    workspace: path.join(root, 'workspace'),
  };
  for (const folder of [
    path.join(layout.user, 'User'),
    path.join(layout.user, 'Machine'),
    layout.extensions,
    layout.workspace,
    temporaryIn(layout),
  ]) {
    fs.mkdirSync(folder, { recursive: true });
  }
  if (options.workspace !== undefined) {
    fs.cpSync(options.workspace, layout.workspace, { recursive: true });
  }
  const write = (scope: string, settings: object) =>
    fs.writeFileSync(path.join(layout.user, scope, 'settings.json'), JSON.stringify(settings, null, 2));
  write('User', { ...QUIET, ...options.settings });
  write('Machine', options.machineSettings ?? {});
  for (const folder of options.extensionFolders ?? []) {
    // A link in an extensions folder that is still empty counts as installed.
    const { publisher, name, version } = JSON.parse(
      fs.readFileSync(path.join(folder, 'package.json'), 'utf8'),
    ) as Record<string, string>;
    const link = path.join(layout.extensions, `${publisher}.${name}-${version}`);
    fs.rmSync(link, { force: true });
    fs.symlinkSync(path.resolve(folder), link);
  }
  return layout;
}

/** The server's folder for temporary files, in which it leaves sockets and folders. */
const temporaryIn = ({ root }: Layout): string => path.join(root, 'tmp');

interface Launcher {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
}

function launcherOf(options: CodeServerOptions, layout: Layout, isTemporary: boolean): Launcher {
  const home = options.home ?? process.env['CODE_SERVER_HOME'];
  if (home === undefined) {
    throw new Error('CODE_SERVER_HOME is not set: run the tests by `npm test -- <suite>`');
  }
  const inherited = Object.entries(process.env).filter(([name]) => !MISLEADING.test(name));
  return {
    command: path.join(home, `node_modules/node-${process.platform}-${process.arch}/bin/node`),
    args: [
      path.join(home, 'node_modules/code-server/out/node/entry.js'),
      '--config',
      path.join(layout.root, 'config.yaml'),
      '--user-data-dir',
      layout.user,
      '--extensions-dir',
      layout.extensions,
    ],
    env: {
      ...Object.fromEntries(inherited),
      EXTENSIONS_GALLERY: '{}',
      ...(isTemporary && { TMPDIR: temporaryIn(layout) }),
      ...options.env,
    },
  };
}

function installExtension({ command, args, env }: Launcher, vsix: string): void {
  const done = spawnSync(command, [...args, '--install-extension', path.resolve(vsix), '--force'], {
    env,
    encoding: 'utf8',
    timeout: INSTALL_MS,
  });
  if (done.status !== 0) {
    throw new Error(
      `code-server could not install ${vsix}: ${done.error?.message ?? ''}\n${done.stdout}${done.stderr}`,
    );
  }
}

/** @returns whether the process group still existed */
function signalGroup(child: ChildProcess, signal: NodeJS.Signals | 0): boolean {
  try {
    return child.pid !== undefined && process.kill(-child.pid, signal);
  } catch {
    return false;
  }
}

const isGroupAlive = (child: ChildProcess) => signalGroup(child, 0);

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer().once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as AddressInfo;
      probe.close(() => resolve(port));
    });
  });
}

function isHealthy(address: http.RequestOptions): Promise<boolean> {
  return new Promise((resolve) => {
    const request = http.get({ host: '127.0.0.1', path: '/healthz', timeout: 2_000, ...address }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    request.once('timeout', () => request.destroy());
    request.once('error', () => resolve(false));
  });
}
