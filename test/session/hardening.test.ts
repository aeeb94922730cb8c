import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer as createHttpServer, request, type IncomingMessage, type Server } from 'node:http';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import type { Engine } from '../../src/engine/engine';
import { IPV6_LOOPBACK, SANDBOX_UIDS, containerName } from '../../src/engine/specification';
import { isSandboxError } from '../../src/protocol/errors';
import { MIB, connect, containerExists, docker, python, specification, usualImage } from './engineTools';
import { endSessions, startSession, type TestSession } from './support/sandboxes';

const MEMORY = 512 * MIB;
const PIDS = 128;

/** Code that prints what hostile code sees inside a container, as JSON. */
const LOOK = `
import ctypes, grp, json, os, pathlib, pwd, socket, subprocess, sys, urllib.request
status = dict(line.split(":", 1) for line in open("/proc/self/status").read().splitlines() if ":" in line)
libc = ctypes.CDLL(None, use_errno=True)
def attempt(action):
    try:
        action()
        return "done"
    except OSError as error:
        return error.strerror
def syscall(*arguments):
    if libc.syscall(*arguments) < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
writable = []
for folder, folders, _ in os.walk("/"):
    if folder in ("/proc", "/sys"):
        folders.clear()
        continue
    name = os.path.join(folder, ".probe")
    try:
        os.close(os.open(name, os.O_CREAT | os.O_WRONLY))
        os.unlink(name)
        writable.append(folder)
    except OSError:
        pass
size = lambda folder: os.statvfs(folder).f_blocks * os.statvfs(folder).f_frsize
mounts = [line.split() for line in open("/proc/self/mountinfo")]
def refusal(url):
    try:
        urllib.request.urlopen(url)
    except urllib.error.URLError as error:
        return error.reason.strerror
print(json.dumps({
    "names": [pwd.getpwuid(os.getuid()).pw_name, pwd.getpwuid(os.getuid()).pw_dir, grp.getgrgid(os.getgid()).gr_name, pathlib.Path("/proc/self").owner(), subprocess.run("whoami", capture_output=True, text=True).stdout.strip()],
    "addresses": [socket.gethostbyname(name) for name in (socket.gethostname(), "localhost")], "refusal": refusal("http://localhost:1/"),
    "users": [attempt(lambda: open(path, "a")) for path in ("/etc/passwd", "/etc/group", "/etc/hosts")],
    "ids": [*os.getresuid(), *os.getresgid(), *os.getgroups()],
    "capabilities": sorted({status[name].strip() for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")}),
    "no_new_privileges": status["NoNewPrivs"].strip(), "seccomp": status["Seccomp"].strip(),
    "interfaces": sorted(line.split(":")[0].strip() for line in open("/proc/net/dev").read().splitlines()[2:]),
    "routes": open("/proc/net/route").read().splitlines()[1:],
    "writable": sorted(writable),
    "sizes": {folder: size(folder) for folder in ("/sandbox", "/tmp", "/dev/shm", "/sandbox/.interactive") if os.path.ismount(folder)},
    "flags": {m[4]: m[5] for m in mounts if m[4] in ("/sandbox", "/tmp", "/sandbox/.interactive", "/")},
    "from_disk": sorted(m[4] for m in mounts if m[m.index("-") + 2].startswith("/dev/")),
    "environment": sorted(os.environ),
    "setuid": attempt(lambda: os.setuid(0)),
    "mount": attempt(lambda: syscall(165, b"none", b"/tmp", b"tmpfs", 0, None)) if os.uname().machine == "x86_64" else "Operation not permitted",
    "user_namespace": attempt(lambda: syscall(272, 0x10000000)) if os.uname().machine == "x86_64" else "Operation not permitted",
    "sysctl": attempt(lambda: open("/proc/sys/kernel/hostname", "w")),
    "processes": sorted(p for p in os.listdir("/proc") if p.isdigit() and p != str(os.getpid())),
    "engine_socket": [p for p in ("/var/run/docker.sock", "/run/docker.sock", "/run/podman/podman.sock") if os.path.exists(p)],
}))
`;
interface Inside {
  names: string[];
  addresses: string[];
  refusal: string;
  users: string[];
  ids: number[];
  capabilities: string[];
  no_new_privileges: string;
  seccomp: string;
  interfaces: string[];
  routes: string[];
  writable: string[];
  sizes: Record<string, number>;
  flags: Record<string, string>;
  from_disk: string[];
  environment: string[];
  setuid: string;
  mount: string;
  user_namespace: string;
  sysctl: string;
  processes: string[];
  engine_socket: string[];
}

/** Code that prints for each `host:port` whether something answers. */
const reach = (targets: readonly string[]): string => `
import json, socket
def answers(target):
    host, port = target.rsplit(":", 1)
    try:
        with socket.create_connection((host, int(port)), 2) as s:
            return s.recv(5).decode()
    except OSError:
        return "unreachable"
print(json.dumps({target: answers(target) for target in ${JSON.stringify(targets)}}))
`;

describe('a sandbox', () => {
  let engine: Engine;
  let isPodman: boolean;
  let image: string;
  let sandbox: string;
  /** A session on another sandbox with the same settings, which runs cells. */
  let cell: TestSession;
  let control: string;
  let neighbour: string;
  let network: string;
  let inside: Inside;
  let outside: Inside;
  const UID = SANDBOX_UIDS.last;

  const start = async (options: object): Promise<string> => {
    const container = await docker.createContainer({
      Image: image,
      Entrypoint: ['python3', '-c'],
      Cmd: ['import time; time.sleep(600)'],
      ...options,
    });
    await container.start();
    return container.id;
  };
  /** Returns the address of a container on the network of the controls. */
  const addressOf = async (id: string): Promise<string> => {
    const { NetworkSettings } = await docker.getContainer(id).inspect();
    return Object.values(NetworkSettings.Networks)[0]?.IPAddress ?? '';
  };

  before(async function () {
    this.timeout(180_000);
    engine = await connect();
    isPodman = engine.info.product === 'podman';
    image = await usualImage(engine);
    sandbox = await engine.create(specification(image, { uid: UID, memory: MEMORY, pids: PIDS }));
    network = (await docker.createNetwork({ Name: `sandboxed-ipython-test-${process.pid}`, Driver: 'bridge' })).id;
    [control, neighbour] = await Promise.all([
      start({ User: '0:0', HostConfig: { NetworkMode: network, AutoRemove: true } }),
      start({
        Cmd: ['import socket\ns = socket.create_server(("", 7777))\nwhile True: s.accept()[0].send(b"hello")'],
        HostConfig: { NetworkMode: network, AutoRemove: true },
      }),
    ]);
    cell = startSession(engine, image);
    inside = JSON.parse(await python(sandbox, LOOK)) as Inside;
    outside = JSON.parse(await python(control, LOOK)) as Inside;
  });
  after(async function () {
    this.timeout(60_000);
    await Promise.all(
      [control, neighbour].filter(Boolean).map((id) => docker.getContainer(id).remove({ force: true })),
    );
    await Promise.all([engine.remove(sandbox), endSessions(), docker.getNetwork(network).remove()]);
    engine.dispose();
  });

  it('has its own user, who is in no other group', () => {
    assert.deepEqual(new Set(inside.ids), new Set([UID]));
  });

  it('has a user name and a host name, which nobody inside can change', () => {
    assert.deepEqual(inside.names, ['sandbox', '/sandbox', 'sandbox', 'sandbox', 'sandbox']);
    assert.deepEqual(inside.addresses, ['127.0.0.1', '127.0.0.1']);
    for (const refused of inside.users) {
      assert.match(refused, /Read-only file system|Permission denied/);
    }
  });

  it('refuses connections to unused ports of localhost, over IPv4 and IPv6', () => {
    assert.equal(inside.refusal, 'Connection refused');
  });

  it('has no capability and gains none, unlike the control container', () => {
    assert.deepEqual(inside.capabilities, ['0000000000000000']);
    assert.deepEqual([inside.no_new_privileges, inside.seccomp], ['1', '2']);
    assert.notDeepEqual(outside.capabilities, ['0000000000000000']);
    // Podman's seccomp profile allows everyone to make user namespaces.
    for (const attempt of [inside.setuid, inside.mount, ...(isPodman ? [] : [inside.user_namespace])]) {
      assert.equal(attempt, 'Operation not permitted');
    }
    assert.match(inside.sysctl, /Read-only file system|Permission denied/);
    assert.equal(outside.setuid, 'done');
  });

  it('can write only to its bounded folders, while the control container can write to its image', () => {
    const queue = '/sandbox/.interactive';
    assert.deepEqual(
      inside.writable.filter((folder) => folder === queue || !folder.startsWith('/sandbox/')),
      ['/dev/mqueue', '/dev/shm', '/sandbox', queue, '/tmp'],
    );
    assert.ok(outside.writable.includes('/usr/bin'));
    assert.match(inside.flags['/'] ?? '', /^ro\b/);
    for (const folder of ['/sandbox', '/tmp', queue]) {
      assert.match(inside.flags[folder] ?? '', /nosuid,nodev/);
    }
    assert.match(inside.flags[queue] ?? '', /noexec/);
    assert.deepEqual(inside.sizes, {
      '/sandbox': MEMORY / 2,
      '/tmp': MEMORY / 4,
      '/dev/shm': MEMORY / 4,
      [queue]: 80 * MIB,
    });
  });

  it('has no path of the host except the few files that every engine makes, and its own volume for libraries', () => {
    const made = ['/etc/hosts', '/etc/hostname', '/etc/resolv.conf'];
    assert.deepEqual(
      inside.from_disk.filter((path) => !made.includes(path)),
      ['/opt/sandboxed-ipython-libraries'],
    );
    assert.deepEqual(inside.engine_socket, []);
  });

  it('has no environment variables of the host', async () => {
    const { Config } = await docker.getImage(image).inspect();
    // The types of the client forget that an image may have no environment.
    const ofImage = ((Config.Env as string[] | null) ?? []).map((entry) => entry.split('=')[0] ?? '');
    const ours = ['HOME', 'HOSTNAME', 'LANG', 'LOGNAME', 'MPLBACKEND', 'PATH', 'USER', 'LC_CTYPE'];
    assert.deepEqual(
      inside.environment.filter((name) => !ours.includes(name) && !ofImage.includes(name)),
      [],
    );
  });

  it('sees only its own processes', async () => {
    assert.equal(inside.processes[0], '1');
    assert.match(await python(sandbox, 'print(open("/proc/1/cmdline").read())'), /main\.py/);
    assert.ok(inside.processes.length < 10);
  });

  it('cannot connect anywhere, while the control container reaches every listener', async function () {
    const [{ IPAM } = {}] = await docker.listNetworks({ filters: JSON.stringify({ id: [network] }) });
    const gateway = IPAM?.Config?.[0]?.Gateway ?? '';
    const listener = createServer((socket) => {
      socket.on('error', () => undefined).end('hello');
    });
    listener.listen(0, gateway);
    try {
      await once(listener, 'listening');
    } catch {
      this.skip();
    }
    try {
      const targets = [
        `${gateway}:${(listener.address() as AddressInfo).port}`,
        `${await addressOf(neighbour)}:7777`,
        `${await addressOf(control)}:7777`,
      ];
      const [host = '', other = '', none = ''] = targets;
      assert.deepEqual(JSON.parse(await python(control, reach(targets))), {
        [host]: 'hello',
        [other]: 'hello',
        [none]: 'unreachable',
      });
      assert.deepEqual(JSON.parse((await cell.run(reach(targets))).text()), {
        [host]: 'unreachable',
        [other]: 'unreachable',
        [none]: 'unreachable',
      });
    } finally {
      listener.close();
    }
    assert.deepEqual([inside.interfaces, inside.routes], [['lo'], []]);
    assert.notDeepEqual(outside.routes, []);
  });

  it("does not share the host's loopback and abstract sockets, while a control container on the host's network does", async function () {
    const [byPort, byName] = [
      createServer((socket) => socket.end('hello')),
      createServer((socket) => socket.end('hello')),
    ];
    const name = `sandboxed-ipython-test-${process.pid}`;
    await Promise.all([
      once(byPort.listen(0, '127.0.0.1'), 'listening'),
      once(byName.listen(`\0${name}`), 'listening'),
    ]);
    const onHost = await start({ HostConfig: { NetworkMode: 'host', AutoRemove: true } });
    try {
      const target = `127.0.0.1:${(byPort.address() as AddressInfo).port}`;
      const code = `${reach([target])}
try:
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(b"\\0${name}".ljust(108, b"\\0"))  # Node fills the name up
        print(s.recv(5).decode())
except OSError:
    print("unreachable")`;
      const [port, abstract] = (await python(onHost, code)).trim().split('\n');
      if (!port?.includes('hello')) {
        this.skip();
      } // the engine is on another machine
      assert.deepEqual([JSON.parse(port), abstract], [{ [target]: 'hello' }, 'hello']);
      const [portInside, abstractInside] = (await cell.run(code)).text().trim().split('\n');
      assert.deepEqual([JSON.parse(portInside ?? ''), abstractInside], [{ [target]: 'unreachable' }, 'unreachable']);
    } finally {
      await docker.getContainer(onHost).remove({ force: true });
      byPort.close();
      byName.close();
    }
  });

  it('runs out of processes before the host does', async () => {
    const said = await python(
      sandbox,
      `
import os, signal, time
children = []
try:
    while len(children) < 2000:
        pid = os.fork()
        if pid == 0:
            time.sleep(60)
            os._exit(0)
        children.append(pid)
except OSError as error:
    print(error.strerror)
print(len(children))
for pid in children:
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)`,
    );
    const [reason, count] = said.trim().split('\n');
    assert.equal(reason, 'Resource temporarily unavailable');
    assert.ok(Number(count) > 50 && Number(count) < PIDS, said);
  });

  it('runs out of disk at the size of each folder', async () => {
    const said = JSON.parse(
      await python(
        sandbox,
        `
import errno, json, os
filled = {}
for folder in ("/dev/shm", "/tmp", "/sandbox/.interactive"):
    name = os.path.join(folder, "fill")
    block = bytes(1 << 20)
    with open(name, "wb", 0) as file:
        try:
            while file.tell() < 1 << 30:
                file.write(block)
        except OSError as error:
            filled[folder] = [errno.errorcode[error.errno], os.path.getsize(name) >> 20]
    os.unlink(name)
print(json.dumps(filled))`,
      ),
    ) as Record<string, [string, number]>;
    assert.deepEqual(said['/dev/shm'], ['ENOSPC', 128]);
    assert.deepEqual(said['/tmp'], ['ENOSPC', 128]);
    assert.ok(said['/sandbox/.interactive']?.[0] === 'ENOSPC' && said['/sandbox/.interactive'][1] > 60);
  });

  it('runs out of memory at its limit, which includes swap, and continues', async () => {
    const said = await python(
      sandbox,
      `
import os
pid = os.fork()
if pid == 0:
    open("/proc/self/oom_score_adj", "w").write("1000")
    kept = []
    for _ in range(4096):
        kept.append(bytearray(os.urandom(4096)) * 256)
    os._exit(0)
print(os.waitpid(pid, 0)[1])`,
    );
    assert.equal(said.trim(), '9');
    assert.deepEqual(await engine.inspect(sandbox), { running: true, paused: false, exitCode: null });
  }).timeout(120_000);
});

describe('a sandbox on an engine that does not apply what was requested', () => {
  let folder: string;
  let image: string;
  before(async () => {
    const honest = await connect();
    image = await usualImage(honest);
    honest.dispose();
  });
  afterEach(async () => rm(folder, { recursive: true, force: true }));

  /**
   * Connects to the real engine behind a proxy that changes requests to `/containers/create` and the inspection of
   * started containers.
   */
  async function lyingEngine(
    change: (options: { HostConfig: Record<string, unknown>; User?: string }) => void,
    onceStarted?: (inspected: { NetworkSettings: Record<string, unknown> }) => void,
  ): Promise<{ engine: Engine; proxy: Server }> {
    folder = await mkdtemp(join(tmpdir(), 'lying-'));
    const target = new URL(process.env['DOCKER_HOST'] ?? 'unix:///var/run/docker.sock');
    const where =
      target.protocol === 'unix:' ? { socketPath: target.pathname } : { host: target.hostname, port: target.port };
    const forward = async (incoming: IncomingMessage, body: Buffer): Promise<IncomingMessage> => {
      const headers = { ...incoming.headers, 'content-length': String(body.length) };
      const [answer] = (await once(
        request({ ...where, path: incoming.url, method: incoming.method, headers }).end(body),
        'response',
      )) as [IncomingMessage];
      return answer;
    };
    let isStarted = false;
    const proxy = createHttpServer((incoming, outgoing) => {
      void (async () => {
        let body = await buffer(incoming);
        if (incoming.url?.includes('/containers/create')) {
          const options = JSON.parse(body.toString()) as Parameters<typeof change>[0];
          change(options);
          body = Buffer.from(JSON.stringify(options));
        }
        const answer = await forward(incoming, body);
        if (incoming.url?.endsWith('/start')) {
          isStarted = true;
        }
        if (
          onceStarted &&
          isStarted &&
          incoming.method === 'GET' &&
          /\/containers\/[0-9a-f]+\/json/.test(incoming.url ?? '')
        ) {
          const inspected = JSON.parse((await buffer(answer)).toString()) as Parameters<typeof onceStarted>[0];
          onceStarted(inspected);
          outgoing.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify(inspected));
          return;
        }
        outgoing.writeHead(answer.statusCode ?? 500, answer.headers).flushHeaders();
        answer.pipe(outgoing).on('close', () => answer.destroy());
      })();
    });
    const socketPath = join(folder, 'engine.sock');
    await once(proxy.listen(socketPath), 'listening');
    const engine = await connect({ DOCKER_HOST: `unix://${socketPath}` });
    return { engine, proxy };
  }

  const lies: Record<string, (options: { HostConfig: Record<string, unknown>; User?: string }) => void> = {
    memory: ({ HostConfig }) => {
      HostConfig['Memory'] = 0;
      HostConfig['MemorySwap'] = 0;
    },
    swap: ({ HostConfig }) => {
      HostConfig['MemorySwap'] = -1;
    },
    pids: ({ HostConfig }) => {
      delete HostConfig['PidsLimit'];
    },
    cpus: ({ HostConfig }) => {
      delete HostConfig['NanoCpus'];
    },
    capabilities: ({ HostConfig }) => {
      delete HostConfig['CapDrop'];
    },
    noNewPrivileges: ({ HostConfig }) => {
      delete HostConfig['SecurityOpt'];
    },
    readOnlyRoot: ({ HostConfig }) => {
      HostConfig['ReadonlyRootfs'] = false;
    },
    user: (options) => {
      options.User = '';
    },
    networkMode: ({ HostConfig }) => {
      HostConfig['NetworkMode'] = 'bridge';
    },
    mounts: ({ HostConfig }) => {
      HostConfig['Mounts'] = [{ Type: 'volume', Source: '', Target: '/data' }];
    },
  };
  for (const [limit, lie] of Object.entries(lies)) {
    it(`is removed without being started if "${limit}" was not applied`, async () => {
      const { engine, proxy } = await lyingEngine(lie);
      try {
        const wanted = specification(image);
        await assert.rejects(engine.create(wanted), (error) => {
          assert.ok(isSandboxError(error, 'LimitNotApplied'), String(error));
          assert.equal(error.params['limit'], limit);
          return true;
        });
        assert.equal(await containerExists(containerName(wanted.sandboxId)), false);
      } finally {
        engine.dispose();
        proxy.closeAllConnections();
        proxy.close();
      }
    });
  }

  it('starts without the loopback of IPv6 if the machine has no IPv6', async () => {
    const asked: boolean[] = [];
    const { engine, proxy } = await lyingEngine(({ HostConfig }) => {
      asked.push('Sysctls' in HostConfig);
      if ('Sysctls' in HostConfig) {
        HostConfig['Sysctls'] = { [IPV6_LOOPBACK.replace('.lo.', '.none.')]: '0' };
      } // a parameter that is not there either
    });
    try {
      for (const round of [1, 2]) {
        const id = await engine.create(specification(image));
        assert.equal((await engine.inspect(id))?.running, true, `round ${round}`);
        await engine.remove(id);
      }
      assert.deepEqual(asked, engine.info.capabilities.lacksIPv6Loopback ? [true, false, false] : [false, false]);
    } finally {
      engine.dispose();
      proxy.closeAllConnections();
      proxy.close();
    }
  });

  it('is removed although it runs if it is on a network after its start', async () => {
    const { engine, proxy } = await lyingEngine(
      () => undefined,
      ({ NetworkSettings }) => {
        NetworkSettings['Networks'] = { none: { IPAddress: '' }, bridge: { IPAddress: '172.17.0.9' } };
      },
    );
    const wanted = specification(image);
    try {
      await assert.rejects(
        engine.create(wanted),
        (error) =>
          isSandboxError(error, 'LimitNotApplied') &&
          error.params['limit'] === 'networks' &&
          error.params['got'] === 'bridge',
      );
      assert.equal(await containerExists(containerName(wanted.sandboxId)), false);
    } finally {
      engine.dispose();
      proxy.closeAllConnections();
      proxy.close();
    }
  });
});
