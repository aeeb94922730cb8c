import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { DEADLINES_MS } from '../../src/engine/deadlines';
import {
  NOTICE_CODES,
  STEP_CODES,
  bytes,
  describe as describeProblem,
  paragraph,
  progressText,
  stepText,
  untranslated,
} from '../../src/messages';
import { FAILURE_CODES, SandboxError, type FailureCode, type FailureParams } from '../../src/protocol/errors';

const say = (code: string, params: FailureParams = {}, platform: NodeJS.Platform = 'linux') =>
  describeProblem({ code, params }, { t: untranslated, platform });

/** The parameters of each failure, and what the user must find in its message. */
const EXAMPLES: Record<FailureCode | (typeof NOTICE_CODES)[number], [FailureParams, ...RegExp[]]> = {
  EngineNotFound: [
    { tried: 'unix:///var/run/docker.sock' },
    /Docker or Podman/,
    /Start Docker \("sudo systemctl start docker"\) or Podman's socket \("systemctl --user enable --now podman\.socket"\), or install one of them/,
  ],
  EngineDenied: [
    { endpoint: 'unix:///var/run/docker.sock' },
    /unix:\/\/\/var\/run\/docker\.sock/,
    /usermod -aG docker/,
  ],
  EngineTooOld: [
    { endpoint: 'unix:///x', version: '18.06', apiVersion: '1.30', required: '1.40' },
    /1\.30/,
    /Docker to 19\.03/,
  ],
  EngineSilent: [
    { endpoint: 'unix:///x', request: 'version', timeout: 5 },
    /unix:\/\/\/x does not answer\./,
    /did not answer this request within 5 s: read the version of the engine\./,
    /Restart it/,
  ],
  EngineBusy: [
    { endpoint: 'unix:///x', request: 'inspect container', timeout: 315 },
    /unix:\/\/\/x is too busy\./,
    /It answers pings, but it did not answer this request within 315 s: read the state of the container\./,
    /Wait until the computer has less to do/,
  ],
  EngineFailed: [
    { endpoint: 'unix:///x', request: 'create', status: 500, reason: 'no space left on device' },
    /no space left on device/,
    /docker system prune/,
  ],
  ImageFailed: [
    { image: 'b', step: 'installingPackages', reason: 'ERROR: No matching distribution found for nopackage' },
    /installing packages/,
    /No matching distribution found for nopackage/,
    /sandboxedIPython\.packages/,
  ],
  BaseUnusable: [
    { image: 'alpine', problem: 'noPython', reason: 'python3: not found' },
    /alpine/,
    /python3: not found/,
    /sandboxedIPython\.image/,
  ],
  LimitNotApplied: [
    { limit: 'memory', asked: '1', got: '0' },
    /limit of memory/,
    /cgroup_enable=memory swapaccount=1/,
    /cgroup v2/,
  ],
  StartFailed: [{ reason: 'exec format error' }, /exec format error/, /log/],
  KernelDied: [{ signal: 'SIGSEGV', exitcode: -11 }, /^Python crashed \(SIGSEGV\)\./, /variables are lost/],
  OutOfMemory: [{ limit: 2 ** 30, tmpfs: 2 ** 29 }, /out of memory/, /1 GB/, /512 MB/, /sandboxedIPython\.maxMemory/],
  TimedOut: [{ timeout: 2, killed: false }, /2 s/, /interrupted/, /sandboxedIPython\.timeout/],
  Interrupted: [{ killed: true }, /did not react/, /lost/],
  Aborted: [{ reason: 'reset' }, /restarted/],
  SandboxGone: [{ reason: 'exited', exitCode: 137 }, /137/, /files are lost/, /new sandbox/],
  OtherEngine: [
    { engine: 'Docker 28 (unix:///a)', here: 'Podman 5 (unix:///b)', hereId: 'x', minutes: 30, started: true },
    /new sandbox, on Podman 5 \(unix:\/\/\/b\)/,
    /is on another container engine: Docker 28 \(unix:\/\/\/a\)\./,
    /choose its engine again[^]*reload/,
    /ends after 30 minutes/,
  ],
  InUse: [{}, /Another window/, /"Use Here" moves/, /"New Sandbox" leaves/],
  SandboxPaused: [{}, /paused/, /docker unpause/],
  SandboxSilent: [{ operation: 'interrupt', seconds: 10 }, /10 s/, /Reset Sandbox State/],
  ProtocolViolation: [
    { reason: 'the reply was lost' },
    /Communication with the sandbox failed/,
    /the reply was lost/,
    /Reset Sandbox State/,
  ],
  SettingInvalid: [
    { setting: 'maxMemory', value: 'lots', allowed: '256MB–1024GB' },
    /sandboxedIPython\.maxMemory cannot be "lots"/,
    /Allowed: 256MB–1024GB/,
  ],
  Cancelled: [{}, /cancelled/, /Run the cell again/],
  FilesNotCopied: [{ reason: 'the sandbox gave no report' }, /the sandbox gave no report/, /Restart Kernel/],
  FilesLeftOut: [
    { count: 3, path: 'big.bin', reason: 'tooLarge', size: 2 * 2 ** 30, limit: 64 * 2 ** 20 },
    /^3 files .* are not in the sandbox\. big\.bin \(2 GB\) is larger than 64 MB\. .*sandboxedIPython\.maxMemory/,
  ],
  InstallFailed: [
    { problem: 'pip', reason: 'No matching distribution found for nopackage' },
    /No matching distribution found for nopackage/,
    /A package needs a wheel for the sandbox's Python, or a source distribution/,
  ],
  InstallTooLarge: [{ limit: 4 * 2 ** 30 }, /4 GB/, /nothing was installed/, /sandboxedIPython\.image/],
  InstallRefused: [
    { problem: 'requirement', requirement: 'git+https://x' },
    /"git\+https:\/\/x" cannot be installed/,
    /numpy>=2/,
  ],
  CommRefused: [{ problem: 'tooLong', limit: 16 * 2 ** 20 }, /not sent/, /16 MB/],
  OutputLost: [{ bytes: 2 ** 20, limit: 64 * 2 ** 20 }, /1 MB/, /64 MB/, /sandboxedIPython\.logBudget/],
  OutputDropped: [
    { bytes: 40 * 2 ** 20, total: 50 * 2 ** 20, limit: 10 * 2 ** 20 },
    /^This cell printed 50 MB\. Of this, 40 MB \(41,943,040 of 52,428,800 bytes\) are left out, because a cell may show 10 MB\./,
    /sandboxedIPython\.maxOutput/,
  ],
  WidgetStateDropped: [
    { limit: 32 * 2 ** 20 },
    /limit is 32 MB/,
    /not when it is opened again/,
    /sandboxedIPython\.logBudget/,
  ],
  ChildKilled: [{ limit: 2 ** 30 }, /1 GB/, /Variables are kept/, /sandboxedIPython\.maxMemory/],
  StateLost: [{ reason: 'idle', minutes: 90 }, /new sandbox/, /90 minutes/, /sandboxedIPython\.idleTimeout/],
  NotInProject: [
    { path: '/home/me/data.csv', project: 'proj' },
    /\/home\/me\/data\.csv is not in the sandbox\. Of your files, only a copy of the folder "proj" is there\./,
    /Put the file into that folder.*"data\.csv"/,
  ],
  StdinRead: [{}, /end-of-file at once/, /input\("/],
  NoNetwork: [{}, /no network, by design/, /beside the notebook/, /%pip install/],
  DiskFull: [
    { path: '/tmp', limit: 256 * 2 ** 20 },
    /\/tmp is full: it holds 256 MB/,
    /cell continues/,
    /sandboxedIPython\.maxMemory/,
  ],
  PidsExhausted: [
    { limit: 512 },
    /no room .* processes and threads: the limit is 512/,
    /cell continues/,
    /sandboxedIPython\.pids/,
  ],
  OutOfReach: [
    { cause: 'EngineNotFound', reason: 'ENOENT' },
    /engine does not answer/,
    /cell continues/,
    /Start the engine/,
  ],
  Restarted: [{ reason: 'died' }, /fresh kernel/, /Variables are lost/],
  InputTooLong: [{ characters: 3_000_000, limit: 1_000_000 }, /3000000 characters.*1000000/, /%load -r/],
};

describe('the messages for the user', () => {
  for (const code of [...FAILURE_CODES, ...NOTICE_CODES]) {
    it(`${code} says what happened, with its numbers, and what to do`, () => {
      const [params, ...expected] = EXAMPLES[code];
      const message = say(code, params);
      assert.equal(message.name, code);
      const text = paragraph(message);
      for (const pattern of expected) {
        assert.match(text, pattern);
      }
      assert.ok(text.length < 500, `${text.length} characters`);
      assert.doesNotMatch(text, /undefined|NaN|\{\d\}| {2}|\.\.|\n/);
    });

    it(`${code} without its parameters is still a sentence`, () => {
      for (const platform of ['linux', 'darwin', 'win32'] as const) {
        assert.doesNotMatch(paragraph(say(code, {}, platform)), /undefined|NaN|\{\d\}|""|\.\.|\( *\)/);
      }
    });
  }

  it('each reason for an aborted cell has its own sentence', () => {
    const texts = ['error', 'interrupt', 'reset', 'died', 'shutdown'].map(
      (reason) => say('Aborted', { reason }).message,
    );
    assert.equal(new Set(texts).size, texts.length);
  });

  it('the end of a sandbox whose first process hung is explained', () => {
    assert.match(
      paragraph(say('SandboxGone', { reason: 'stuck', exitCode: 77 })),
      /^The sandbox ended\. The program that runs its cells hung and gave up\. /,
    );
  });

  it('a timeout of a cell that does not react says that the kernel was ended', () => {
    assert.match(
      paragraph(say('TimedOut', { timeout: 2, killed: true })),
      /2 s and did not react to an interrupt.*kernel was ended.*variables are lost\. .*sandboxedIPython\.timeout/,
    );
  });

  it('a kernel that ended while no cell ran, and output over the limit, have their own sentences', () => {
    assert.match(
      paragraph(say('Restarted', { reason: 'died', cause: 'OutOfMemory' })),
      /^The sandbox ran out of memory while no cell ran.* fresh kernel\. Variables are lost/,
    );
    assert.match(
      paragraph(say('OutputDropped', { limit: 10 * 2 ** 20 })),
      /^This cell has shown 10 MB, which is all that a cell may show\. Further output is left out\. .*maxOutput/,
    );
    assert.match(paragraph(say('OutputDropped', { outputs: 10_000 })), /^The cell has made more than 10,000 outputs/);
  });

  it('a late request to an engine is described in plain words, not by its name in the log', () => {
    for (const request of Object.keys(DEADLINES_MS)) {
      for (const code of ['EngineSilent', 'EngineBusy'] as const) {
        const { message } = say(code, { endpoint: 'unix:///x', request, timeout: 5 });
        assert.match(message, / did not answer this request within 5 s: [a-z ]+\.$/);
        assert.doesNotMatch(message, /inspect|exec|\brun\b|"/, request);
      }
    }
    assert.match(
      paragraph(say('OtherEngine', { engine: 'Docker 28 (unix:///a)' })),
      /^The sandbox of this notebook is on Docker 28 \(unix:\/\/\/a\), but another container engine answers now/,
    );
  });

  it('the notice of a waiting cell names the cause, and later says that the wait is over', () => {
    for (const [cause, now, over] of [
      ['SandboxPaused', /is paused[^]*docker unpause/, /was paused for 7 s\.$/],
      ['EngineSilent', /engine does not answer[^]*restart it/, /engine did not answer for 7 s\.$/],
      ['EngineBusy', /engine is busy[^]*The cell continues/, /engine was busy for 7 s\.$/],
      ['SandboxSilent', /sandbox does not answer[^]*Restart Kernel/, /sandbox did not answer for 7 s\.$/],
    ] as const) {
      assert.match(paragraph(say('OutOfReach', { cause })), now);
      assert.match(paragraph(say('OutOfReach', { cause, seconds: 7 })), over);
    }
  });

  it('every error about a full disk of the engine says how to make room', () => {
    const reason = 'mkdir /var/lib/docker/overlay2/x: no space left on device';
    for (const code of ['StartFailed', 'ImageFailed', 'EngineFailed']) {
      assert.match(say(code, { reason, step: 'committing' }).nextStep, /Make room[^]*docker system prune/);
    }
  });

  it('a failure in a step of the image that needs no network does not suggest checking the network', () => {
    for (const step of [
      'startingContainer',
      'checkingBase',
      'copyingRunner',
      'testing',
      'committing',
      'waitingForOther',
    ]) {
      const { nextStep } = say('ImageFailed', { image: 'b', step, reason: 'no end within 60 s' });
      assert.match(nextStep, /un the cell again/);
      assert.doesNotMatch(nextStep, /network|packages/, step);
    }
  });

  it('a crash for lack of shared memory names the file system', () => {
    const text = paragraph(say('KernelDied', { signal: 'SIGBUS', exitcode: 135, path: '/dev/shm', limit: 2 ** 28 }));
    assert.match(text, /SIGBUS[^]*\/dev\/shm, which holds 256 MB[^]*variables are lost[^]*sandboxedIPython\.maxMemory/);
  });

  it('the message about a container that was stopped or removed says so', () => {
    assert.match(say('SandboxGone', { reason: 'stopped' }).message, /Its container was stopped\./);
    assert.match(say('SandboxGone', { reason: 'removed' }).message, /Its container was removed\./);
  });

  it('the message about an unusable engine address says why', () => {
    for (const reason of ['ssh', 'tls', 'malformed', 'ENOENT']) {
      assert.match(
        paragraph(say('EngineNotFound', { tried: 'ssh://host', reason, by: 'DOCKER_HOST' })),
        /^DOCKER_HOST is ssh:\/\/host/,
      );
      const chosen = say('EngineNotFound', { tried: 'ssh://host', reason, by: 'currentContext', context: 'build' });
      assert.match(paragraph(chosen), /context "build" is ssh:\/\/host[^]*docker context use default/);
      assert.match(
        say('EngineNotFound', { tried: 'ssh://host', reason, by: 'DOCKER_CONTEXT', context: 'build' }).nextStep,
        /DOCKER_CONTEXT/,
      );
    }
    assert.match(
      say('EngineNotFound', { tried: 'ssh://host', reason: 'ssh', by: 'DOCKER_HOST' }).message,
      /not supported yet.*local socket/,
    );
  });

  it('a product that is not running is recognized by its context or socket, and the message says how to start it', () => {
    const tried = 'unix:///somewhere/docker.sock';
    for (const [context, product, start] of [
      ['desktop-linux', 'Docker Desktop', /^Start it, then run the cell again\./],
      ['colima', 'Colima', /^Start it \("colima start"\), then/],
      ['colima-work', 'Colima', /^Start it \("colima start work"\), then/],
      ['orbstack', 'OrbStack', /^Start it \("orb start"\), then/],
      ['rancher-desktop', 'Rancher Desktop', /^Start it, then/],
    ] as const) {
      const { message, nextStep } = say('EngineNotFound', { tried, reason: 'ENOENT', by: 'currentContext', context });
      assert.ok(message.startsWith(`${product} is not running: `) && message.includes(tried), message);
      assert.match(nextStep, start);
      assert.match(nextStep, /docker context use default[^]*$/);
    }
    for (const [socket, product] of [
      ['/Users/ada/.colima/default/docker.sock', 'Colima'],
      ['/home/ada/.config/colima/default/docker.sock', 'Colima'],
      ['/Users/ada/.docker/run/docker.sock', 'Docker Desktop'],
      ['/Users/ada/.orbstack/run/docker.sock', 'OrbStack'],
      ['/home/ada/.rd/docker.sock', 'Rancher Desktop'],
    ]) {
      assert.match(
        say('EngineNotFound', { tried: `unix://${socket}`, reason: 'ECONNREFUSED', by: 'DOCKER_HOST' }).message,
        new RegExp(`^${product} is not running: DOCKER_HOST is unix:`),
      );
    }
    assert.match(
      say('EngineNotFound', { tried: 'ssh://host', reason: 'ssh', by: 'currentContext', context: 'colima' }).message,
      /^The current Docker context "colima" is ssh/,
    );
  });

  it('the message about a limit that was not applied names the limit and a remedy', () => {
    const told = (limit: string): string => paragraph(say('LimitNotApplied', { limit, asked: 'x', got: 'y' }));
    assert.match(told('swap'), /limit of swap[^]*swapaccount=1/);
    assert.match(told('seccomp'), /runs without its seccomp profile[^]*Start the engine with its default profile/);
    assert.match(told('cpus'), /limit of processors[^]*cgroup v2[^]*update the engine/);
    for (const limit of ['noNewPrivileges', 'tmpfs /run']) {
      assert.match(told(limit), new RegExp(`\\(${limit}\\)[^]*Update the engine`));
    }
    for (const limit of ['memory', 'swap', 'pids', 'cpus', 'seccomp', 'noNewPrivileges', '']) {
      assert.doesNotMatch(told(limit), /Use Docker/);
    }
  });

  it('the message about a registry that denies access says how to log in and does not mention the network', () => {
    for (const reason of [
      "pull access denied for ada/private, repository does not exist or may require 'docker login'",
      'unauthorized: authentication required',
    ]) {
      const docker = say('ImageFailed', { step: 'pullingBase', image: 'ada/private:1', reason }).nextStep;
      assert.match(
        docker,
        /^The registry denied access\. [^]*sandboxedIPython\.image[^]*"docker login" and "docker pull ada\/private:1"/,
      );
      assert.doesNotMatch(docker, /network/);
      assert.match(
        say('ImageFailed', { step: 'pullingBase', image: 'ghcr.io/ada/x', reason }).nextStep,
        /"docker login ghcr\.io" and "docker pull ghcr\.io\/ada\/x"/,
      );
    }
    assert.match(
      say('ImageFailed', {
        step: 'pullingBase',
        image: 'python:3.13-slim',
        reason: 'dial tcp: lookup registry-1.docker.io: no such host',
      }).nextStep,
      /^Check the network/,
    );
    assert.match(
      say('ImageFailed', { step: 'installingPackages', image: 'x', reason: 'Permission denied' }).nextStep,
      /^Check the network/,
    );
  });

  it('a signal for an illegal action is called a crash, and other signals are not', () => {
    for (const signal of ['SIGSEGV', 'SIGABRT', 'SIGBUS', 'SIGILL', 'SIGFPE']) {
      assert.match(say('KernelDied', { signal, exitcode: -1 }).message, /^Python crashed/);
    }
    assert.match(say('KernelDied', { signal: 'SIGKILL', exitcode: -9 }).message, /^Python was ended by SIGKILL\.$/);
  });

  it('the message about files that are never copied has the reason and what to do', () => {
    for (const [problem, text] of [
      ['wide', /Downloads[^]*folder of its own/],
      ['hidden', /Hidden folders[^]*folder of its own/],
      ['setting', /sandboxedIPython\.files/],
      ['untrusted', /Restricted Mode[^]*trust it/],
      ['untitled', /Save it/],
    ] as const) {
      assert.match(paragraph(say('FilesNotCopied', { problem })), text);
    }
    assert.match(
      paragraph(say('FilesLeftOut', { count: 1, path: 'data', reason: 'ignored' })),
      /not in the sandbox\. data is ignored by \.gitignore\. The log lists/,
    );
  });

  it('the message names a Docker context or configuration that cannot be read', () => {
    const context = { tried: '/home/ada/.docker/contexts/meta/1/meta.json', by: 'currentContext', context: 'build' };
    assert.match(
      say('EngineNotFound', { ...context, reason: 'contextMissing' }).message,
      /context "build" does not exist/,
    );
    assert.match(
      say('EngineNotFound', { ...context, reason: 'contextBroken', detail: 'it names no Docker engine' }).message,
      /"build".*meta\.json.*no Docker engine/,
    );
    const config = say('EngineNotFound', {
      tried: '/home/ada/.docker/config.json',
      reason: 'configBroken',
      by: 'currentContext',
      detail: 'Unexpected end of JSON input',
    });
    assert.match(paragraph(config), /config\.json.*Unexpected end.*Repair or remove/);
  });

  it('the advice for a missing engine fits the operating system', () => {
    assert.match(say('EngineNotFound', {}, 'darwin').nextStep, /Docker Desktop, OrbStack/);
    assert.match(say('EngineNotFound', {}, 'win32').nextStep, /WSL/);
  });

  it('the message always names the setting that helps', () => {
    const error = new SandboxError('StartFailed', { reason: 'x' }, { setting: 'pids' });
    assert.match(paragraph(describeProblem(error, { t: untranslated, platform: 'linux' })), /sandboxedIPython\.pids/);
  });

  it('an unknown code from a sandbox is quoted on one line of limited length', () => {
    const text = paragraph(say(`evil\n\x1b[31m${'x'.repeat(5_000)}`, {}));
    assert.ok(text.length < 600);
    assert.doesNotMatch(text, /[\n\x1b]/); // eslint-disable-line no-control-regex
  });

  it('the message about unreadable output does not suggest a reset', () => {
    assert.match(
      paragraph(say('ProtocolViolation', { problem: 'output', reason: 'metadata' })),
      /left out\. Reason: metadata\. .*Show Log/,
    );
  });

  it('a network problem names the setting that may help', () => {
    for (const [trouble, setting] of [
      ['certificate', 'caBundle'],
      ['proxy', 'proxy'],
      ['network', 'proxy'],
    ] as const) {
      assert.match(
        say('ImageFailed', { step: 'installingPackages', reason: 'r', trouble }).nextStep,
        new RegExp(`sandboxedIPython\\.${setting}\\b`),
      );
    }
  });

  it('a long reason keeps its end, in which pip names the failure', () => {
    assert.match(say('ImageFailed', { reason: `${'x '.repeat(3_000)}ERROR: the end` }).message, /ERROR: the end\.$/);
  });

  it('every step of building an image has a text', () => {
    for (const code of STEP_CODES) {
      assert.notEqual(stepText(code, undefined, untranslated), code);
    }
    assert.equal(stepText('installingPackages', 'pandas', untranslated), 'installing packages: pandas');
    assert.equal(
      progressText('installingPackages', 'pandas', untranslated),
      'installing packages: pandas (next: copying the kernel program)',
    );
    assert.equal(progressText('testing', undefined, untranslated), 'testing the image');
  });

  it('sizes have the units of the settings', () => {
    assert.deepEqual([0, 1023, 2 ** 20, 1.5 * 2 ** 30, 300 * 2 ** 20].map(bytes), [
      '0 bytes',
      '1023 bytes',
      '1 MB',
      '1.5 GB',
      '300 MB',
    ]);
  });

  describe('is listed in docs/troubleshooting.md', () => {
    const cells = readFileSync(path.resolve(__dirname, '../../../docs/troubleshooting.md'), 'utf8')
      .split('\n')
      .filter((line) => line.startsWith('| ') && !line.startsWith('| Message |'))
      .map((line) => line.slice(2).split(' | ')[0] ?? '');
    const quotes = cells.flatMap((cell) => [...cell.matchAll(/“([^”]+)”/g)].map(([, quote = '']) => quote));
    const texts = ([...FAILURE_CODES, ...NOTICE_CODES] as const).map(
      (code) => [code, paragraph(say(code, EXAMPLES[code][0]))] as const,
    );

    it('with every failure by its name, and with no other name', () => {
      const python = ['KeyboardInterrupt', 'ModuleNotFoundError', 'FileNotFoundError'];
      const names = cells.flatMap((cell) => [...cell.matchAll(/`([A-Z]\w+)`/g)].map(([, name = '']) => name));
      assert.deepEqual([...new Set(names)].filter((name) => !python.includes(name)).sort(), [...FAILURE_CODES].sort());
    });

    it('with every notice by a part of its sentence', () => {
      const missing = texts.filter(([code]) => !FAILURE_CODES.some((failure) => failure === code));
      for (const [code, text] of missing) {
        assert.ok(
          quotes.some((quote) => text.includes(quote)),
          `${code}: ${text}`,
        );
      }
    });

    it('with no sentence that is in no message', () => {
      const causes = ['SandboxPaused', 'EngineSilent', 'EngineBusy', 'SandboxSilent'];
      const variants = [
        ...causes.flatMap((cause) => [say('OutOfReach', { cause }), say('OutOfReach', { cause, seconds: 7 })]),
        say('OutputDropped', { limit: 1 }),
        say('OutputDropped', { outputs: 10_000 }),
        say('SandboxGone', { reason: 'stuck', exitCode: 77 }),
        say('OtherEngine', { engine: 'Docker 28' }),
      ].map(paragraph);
      for (const quote of quotes) {
        assert.ok(
          [...texts.map(([, text]) => text), ...variants].some((text) => text.includes(quote)),
          quote,
        );
      }
    });
  });
});
