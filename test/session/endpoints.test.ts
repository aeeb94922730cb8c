import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { isSandboxError } from '../../src/protocol/errors';
import { connect } from './engineTools';
import { derivedImage, endSessions, startSession } from './support/sandboxes';

const REAL_SOCKET = (process.env['DOCKER_HOST'] ?? 'unix:///var/run/docker.sock').replace('unix://', '');

describe('the engine that is used', () => {
  let folder: string;
  let moved: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'endpoints-'));
    moved = join(folder, 'moved.sock');
    await symlink(REAL_SOCKET, moved);
  });
  afterEach(async () => {
    await endSessions();
    await rm(folder, { recursive: true });
  });

  /** Makes a configuration folder of Docker with these contexts. Returns the value of DOCKER_CONFIG. */
  async function dockerConfig(contexts: Readonly<Record<string, string>>, currentContext?: string): Promise<string> {
    await writeFile(join(folder, 'config.json'), JSON.stringify({ auths: {}, currentContext }));
    for (const [Name, Host] of Object.entries(contexts)) {
      const file = join(folder, 'contexts/meta', createHash('sha256').update(Name).digest('hex'), 'meta.json');
      await mkdir(dirname(file), { recursive: true });
      await writeFile(
        file,
        JSON.stringify({ Name, Metadata: {}, Endpoints: { docker: { Host, SkipTLSVerify: false } } }),
      );
    }
    return folder;
  }
  async function endpointWith(env: Readonly<Record<string, string>>): Promise<string> {
    const engine = await connect(env);
    engine.dispose();
    return engine.info.endpoint;
  }

  it('is at the moved socket that DOCKER_HOST names, and a session runs on it', async () => {
    const engine = await connect({ ...process.env, DOCKER_HOST: `unix://${moved}` });
    try {
      assert.equal(engine.info.endpoint, `unix://${moved}`);
      assert.equal((await startSession(engine, await derivedImage(engine)).run('6 * 7')).result, '42');
      await endSessions();
    } finally {
      engine.dispose();
    }
  });

  it("is the one of the current context in Docker's configuration", async () => {
    assert.equal(
      await endpointWith({ DOCKER_CONFIG: await dockerConfig({ work: `unix://${moved}` }, 'work') }),
      `unix://${moved}`,
    );
  });

  it('is the one of the context that DOCKER_CONTEXT names; DOCKER_HOST takes precedence over both', async () => {
    const config = await dockerConfig({ work: `unix://${moved}`, away: 'ssh://ada@build' }, 'away');
    assert.equal(await endpointWith({ DOCKER_CONFIG: config, DOCKER_CONTEXT: 'work' }), `unix://${moved}`);
    assert.equal(
      await endpointWith({ DOCKER_CONFIG: config, DOCKER_CONTEXT: 'away', DOCKER_HOST: `unix://${moved}` }),
      `unix://${moved}`,
    );
  });

  it('is never another one than the context names: a missing socket and a broken file are reported by name', async () => {
    const config = await dockerConfig({ stopped: `unix://${join(folder, 'absent.sock')}` }, 'stopped');
    await assert.rejects(connect({ DOCKER_CONFIG: config }), (error) => {
      assert.ok(isSandboxError(error, 'EngineNotFound'), String(error));
      assert.deepEqual(error.params, {
        tried: `unix://${join(folder, 'absent.sock')}`,
        by: 'currentContext',
        context: 'stopped',
        reason: 'ENOENT',
      });
      return true;
    });
    await writeFile(join(folder, 'config.json'), '{');
    await assert.rejects(
      connect({ DOCKER_CONFIG: config }),
      (error) => isSandboxError(error, 'EngineNotFound') && error.params['reason'] === 'configBroken',
    );
    await rm(join(folder, 'config.json'));
    await mkdir(join(folder, 'config.json'));
    await assert.rejects(
      connect({ DOCKER_CONFIG: config }),
      (error) => isSandboxError(error, 'EngineNotFound') && error.params['detail'] === 'it is no file',
    );
  });
});
