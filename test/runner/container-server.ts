import { createInterface } from 'node:readline';
import { randomUUID } from 'node:crypto';
import { homedir } from 'node:os';
import path from 'node:path';
import { connectEngine } from '../../src/engine/connect';
import type { SandboxSpecification } from '../../src/engine/engine';
import { installNetwork } from '../../src/engine/image/install-network';
import { librariesName } from '../../src/engine/libraries';
import { silentProgress } from '../../src/engine/progress';
import { freeUid } from '../../src/session/life/uid';

/**
 * Makes hardened containers for the runner's tests by the extension's own engine room.
 * One JSON request a line on stdin, one answer a line on stdout: `image {base, packages}`, `create {image, options}`, `remove {id}`.
 */
type Options = Record<string, number>;
type Request =
  | { do: 'image'; base: string; packages: string[] }
  | { do: 'create'; image: string; options: Options }
  | { do: 'remove'; id: string };

const MIB = 1024 * 1024;
/** By container. */
const volumes = new Map<string, string>();
const connected = connectEngine({
  platform: process.platform,
  env: process.env,
  home: homedir(),
  uid: process.getuid?.(),
});

const answer = async (request: Request): Promise<object> => {
  const engine = await connected;
  switch (request.do) {
    case 'image': {
      const network = await installNetwork(process.env);
      const runnerFolder = path.resolve(__dirname, '../../../runner');
      return {
        image: await engine.ensureImage(
          { base: request.base, packages: request.packages, runnerFolder, network },
          silentProgress,
        ),
      };
    }
    case 'create': {
      const { options } = request;
      const specification: SandboxSpecification = {
        sandboxId: randomUUID(),
        owner: 'runner-tests',
        notebookHint: '',
        image: request.image,
        cpus: 2,
        pids: 512,
        uid: options['uid'] ?? freeUid(await engine.usedUids()),
        memory: options['memory'] ?? 512 * MIB,
        logBudget: options['log_budget'] ?? 48 * MIB,
        maxOutput: options['max_output'] ?? 10 * MIB,
        historySize: options['history_size'] ?? 1000,
        pollInterval: options['poll_interval'] ?? 0.1,
        lease: options['lease'] ?? 600,
        idle: options['idle'] ?? 0,
        libraries: librariesName(),
      };
      const id = await engine.create(specification);
      volumes.set(id, specification.libraries);
      return { id };
    }
    case 'remove':
      await engine.remove(request.id);
      await engine.removeLibraries(volumes.get(request.id) ?? '');
      return {};
  }
};

void (async () => {
  for await (const line of createInterface({ input: process.stdin })) {
    const reply = await answer(JSON.parse(line) as Request).catch((error: unknown) => ({ error: String(error) }));
    process.stdout.write(`${JSON.stringify(reply)}\n`);
  }
  (await connected).dispose();
})();
