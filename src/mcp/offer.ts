import * as vscode from 'vscode';
import type { Log } from '../log';
import { SECTION, readUserSettings } from '../notebook/configuration';
import { readNetworkSettings } from '../notebook/network-settings';
import { hasServerFiles, serverCommand, writeServerFiles, type ServerCommand } from './server-files';

/** Id of the provider in package.json. */
const PROVIDER_ID = 'sandboxed-ipython';
/** Maximum number of sandboxes of one client. */
const MAX_SANDBOXES = 10;
/** Number of unused sandboxes that a server keeps started, so that the first call need not wait for one. */
const WARM_SANDBOXES = 1;

/** The part of VS Code's API that exists since 1.101, later than the version that this extension requires. */
interface McpApi {
  registerMcpServerDefinitionProvider?: (
    id: string,
    provider: { provideMcpServerDefinitions: () => Promise<unknown[]> },
  ) => vscode.Disposable;
}
type McpStdioServerDefinition = new (
  label: string,
  command: string,
  args: string[],
  env: Record<string, string>,
  version: string,
) => object;

/** Offers the MCP server to the agents in VS Code, and writes the files with which other agents can start it. */
export class McpOffer implements vscode.Disposable {
  readonly #disposables: vscode.Disposable[] = [];

  constructor(
    private readonly context: vscode.ExtensionContext,
    private readonly version: string,
    private readonly owner: () => Promise<string>,
    private readonly log: Log,
  ) {
    const { McpStdioServerDefinition: Definition } = vscode as unknown as {
      McpStdioServerDefinition?: McpStdioServerDefinition;
    };
    const { registerMcpServerDefinitionProvider: register } = vscode.lm as unknown as McpApi;
    if (register !== undefined && Definition !== undefined) {
      this.#disposables.push(
        register.call(vscode.lm, PROVIDER_ID, {
          provideMcpServerDefinitions: async () => {
            const { command, args, env } = await this.prepare();
            return [new Definition('Sandboxed IPython', command, args, env, version)];
          },
        }),
      );
    }
    this.#disposables.push(
      vscode.workspace.onDidChangeConfiguration((change) => {
        if (change.affectsConfiguration(SECTION)) {
          this.#refresh();
        }
      }),
    );
    this.#refresh(); // an update of the extension may have moved the server
  }

  /** Writes the files again, if somebody uses them. */
  #refresh(): void {
    const { fsPath: folder } = this.context.globalStorageUri;
    hasServerFiles(folder)
      .then((isUsed) => (isUsed ? this.prepare() : undefined))
      .catch((error: unknown) => this.log.warn(`the files of the MCP server were not written: ${String(error)}`));
  }

  /**
   * Writes the settings and gives the command that starts the server with them.
   * @throws SandboxError `SettingInvalid`; an error of the file system
   */
  async prepare(): Promise<ServerCommand> {
    const folder = this.context.globalStorageUri.fsPath;
    await writeServerFiles(folder, this.context.asAbsolutePath('dist/mcp.js'), {
      version: this.version,
      owner: await this.owner(),
      settings: { ...readUserSettings() },
      network: readNetworkSettings(),
      maxSandboxes: MAX_SANDBOXES,
      warmSandboxes: WARM_SANDBOXES,
    });
    return serverCommand(folder);
  }

  dispose(): void {
    vscode.Disposable.from(...this.#disposables).dispose();
  }
}
