import assert from 'node:assert/strict';
import type { ContainerInspectInfo } from 'dockerode';
import type { SandboxSpecification } from '../../src/engine/engine';
import { checkLimits, checkNetwork } from '../../src/engine/limits';
import { containerOptions, writableSizes } from '../../src/engine/specification';
import { isSandboxError } from '../../src/protocol/errors';

const GIB = 1024 ** 3;
const MIB = 1024 ** 2;
const specification: SandboxSpecification = {
  sandboxId: 'abc',
  owner: 'me',
  notebookHint: 'file:///n.ipynb',
  image: 'image:1',
  uid: 20_123,
  memory: GIB,
  cpus: 2,
  pids: 512,
  logBudget: 64 * MIB,
  maxOutput: 10 * MIB,
  historySize: 1000,
  pollInterval: 0.1,
  lease: 1800,
  idle: 0,
  libraries: 'volume-1',
};
const options = containerOptions(specification, {
  engineCpus: 8,
  capabilities: { tmpfsCopiesUp: false, writableFolders: [], lacksIPv6Loopback: false },
  created: new Date(0),
});

describe('the specification of a sandbox', () => {
  it('has its own user, no capabilities, no new privileges and a read-only root', () => {
    assert.equal(options.User, '20123:20123');
    const asked = {
      CapDrop: ['ALL'],
      SecurityOpt: ['no-new-privileges'],
      ReadonlyRootfs: true,
      Privileged: false,
      Init: false,
    };
    assert.deepEqual({ ...options.HostConfig, ...asked }, options.HostConfig);
    assert.ok(!('CapAdd' in options.HostConfig));
  });

  it('has memory without swap, and bounded processes, cores and files', () => {
    const { Memory, MemorySwap, PidsLimit, NanoCpus, Ulimits } = options.HostConfig;
    assert.deepEqual(
      { Memory, MemorySwap, PidsLimit, NanoCpus },
      { Memory: GIB, MemorySwap: GIB, PidsLimit: 512, NanoCpus: 2e9 },
    );
    assert.deepEqual(
      Ulimits?.find(({ Name }) => Name === 'core'),
      { Name: 'core', Soft: 0, Hard: 0 },
    );
  });

  it('requests no more cores than the engine has', () => {
    assert.equal(
      containerOptions(
        { ...specification, cpus: 4 },
        {
          engineCpus: 1.5,
          capabilities: { tmpfsCopiesUp: false, writableFolders: [], lacksIPv6Loopback: false },
          created: new Date(),
        },
      ).HostConfig.NanoCpus,
      1.5e9,
    );
  });

  it('has only tmpfs of limited size as writable folders, and a separate one for the queue', () => {
    assert.deepEqual(options.HostConfig.Tmpfs, {
      '/sandbox': `rw,exec,nosuid,nodev,mode=1777,size=${GIB / 2}`,
      '/tmp': `rw,exec,nosuid,nodev,mode=1777,size=${GIB / 4}`,
      '/sandbox/.interactive': `rw,noexec,nosuid,nodev,mode=1777,size=${80 * MIB}`,
    });
    assert.equal(options.HostConfig.ShmSize, GIB / 4);
  });

  it('closes folders that an engine would make writable by itself, and copies nothing of the image into a tmpfs', () => {
    const { Tmpfs = {} } = containerOptions(specification, {
      engineCpus: 8,
      capabilities: { tmpfsCopiesUp: true, writableFolders: ['/run'], lacksIPv6Loopback: false },
      created: new Date(),
    }).HostConfig;
    assert.equal(Tmpfs['/run'], 'ro,noexec,nosuid,nodev,size=4096,notmpcopyup');
    for (const tmpfs of Object.values(Tmpfs)) {
      assert.match(tmpfs, /,size=\d+,notmpcopyup$/);
    }
  });

  it('names the address of its own host, and requests the loopback of IPv6 if the engine gives none', () => {
    const { ExtraHosts, Sysctls } = options.HostConfig as { ExtraHosts?: string[]; Sysctls?: Record<string, string> };
    assert.deepEqual([options.Hostname, ExtraHosts, Sysctls], ['sandbox', ['sandbox:127.0.0.1'], undefined]);
    const capabilities = { tmpfsCopiesUp: false, writableFolders: [], lacksIPv6Loopback: true };
    assert.deepEqual(
      containerOptions(specification, { engineCpus: 8, capabilities, created: new Date() }).HostConfig.Sysctls,
      { 'net.ipv6.conf.lo.disable_ipv6': '0' },
    );
  });

  it('limits the log to an eighth of a small memory, with room beside it for commands and results', () => {
    const { log, queue } = writableSizes({ memory: 256 * MIB, logBudget: 64 * MIB });
    assert.deepEqual({ log, queue }, { log: 32 * MIB, queue: 48 * MIB });
  });

  it('has its libraries on a volume that it can only read and that no image fills', () => {
    const [volume, ...others] = options.HostConfig.Mounts ?? [];
    assert.deepEqual(others, []);
    const { Type, Source, Target, ReadOnly, VolumeOptions } = volume ?? assert.fail();
    assert.deepEqual(
      [Type, Source, Target, ReadOnly, VolumeOptions?.NoCopy],
      ['volume', 'volume-1', '/opt/sandboxed-ipython-libraries', true, true],
    );
  });

  it('gets no path, no port and no environment variable of the host', () => {
    for (const name of ['Binds', 'VolumesFrom', 'Devices', 'PortBindings']) {
      assert.ok(!(name in options.HostConfig), name);
    }
    assert.deepEqual(
      options.Env?.map((entry) => entry.split('=')[0]),
      ['HOME', 'USER', 'LOGNAME', 'LANG', 'MPLBACKEND'],
    );
  });

  it('is labelled only with values that never change', () => {
    assert.deepEqual(options.Labels, {
      'sandboxed-ipython.version': '3',
      'sandboxed-ipython.sandbox': 'abc',
      'sandboxed-ipython.owner': 'me',
      'sandboxed-ipython.created': '1970-01-01T00:00:00.000Z',
      'sandboxed-ipython.notebook': 'file:///n.ipynb',
      'sandboxed-ipython.uid': '20123',
    });
  });

  it('passes its limits to the supervisor on the command line', () => {
    assert.deepEqual(options.Cmd, [
      `--memory-limit=${GIB}`,
      `--log-budget=${64 * MIB}`,
      `--max-output=${10 * MIB}`,
      '--history-size=1000',
      '--poll-interval=0.1',
      '--lease=1800',
      '--idle=0',
    ]);
  });
});

const LIBRARIES = {
  Type: 'volume' as const,
  Name: 'volume-1',
  Source: '/volumes/volume-1',
  Destination: '/opt/sandboxed-ipython-libraries',
  Mode: 'z',
  RW: false,
  Propagation: '',
};

/** The inspection that an engine returns if it has applied everything. */
function answer(change: (info: ContainerInspectInfo) => void = () => undefined): ContainerInspectInfo {
  const info = structuredClone({
    Config: { User: options.User },
    HostConfig: options.HostConfig,
    Mounts: [LIBRARIES],
    NetworkSettings: { Networks: {} },
  }) as unknown as ContainerInspectInfo;
  change(info);
  return info;
}

describe('the limits read back from the engine', () => {
  it('are accepted if they are as requested', () => {
    checkLimits(options, answer());
  });

  it('are accepted in the form of an engine that counts quotas and lists capabilities', () => {
    checkLimits(
      options,
      answer(({ HostConfig }) => Object.assign(HostConfig, { NanoCpus: 0, CpuQuota: 200_000, CpuPeriod: 100_000 })),
    );
    checkLimits(
      options,
      answer((info) => {
        Object.assign(info, { BoundingCaps: null });
        info.HostConfig.CapDrop = ['CAP_CHOWN'];
      }),
    );
    assert.throws(
      () =>
        checkLimits(
          options,
          answer((info) => Object.assign(info, { BoundingCaps: ['CAP_CHOWN'] })),
        ),
      (error) => isSandboxError(error, 'LimitNotApplied') && error.params['got'] === 'CAP_CHOWN',
    );
  });

  const differences: Record<string, (info: ContainerInspectInfo) => void> = {
    memory: ({ HostConfig }) => {
      HostConfig.Memory = 0;
    },
    swap: ({ HostConfig }) => {
      HostConfig.MemorySwap = -1;
    },
    pids: ({ HostConfig }) => {
      delete HostConfig.PidsLimit;
    },
    cpus: ({ HostConfig }) => {
      HostConfig.NanoCpus = 0;
    },
    readOnlyRoot: ({ HostConfig }) => {
      HostConfig.ReadonlyRootfs = false;
    },
    privileged: ({ HostConfig }) => {
      HostConfig.Privileged = true;
    },
    user: ({ Config }) => {
      Config.User = '';
    },
    noNewPrivileges: ({ HostConfig }) => {
      HostConfig.SecurityOpt = null;
    },
    seccomp: ({ HostConfig }) => {
      HostConfig.SecurityOpt = ['no-new-privileges', 'seccomp=unconfined'];
    },
    capabilities: ({ HostConfig }) => {
      HostConfig.CapAdd = ['NET_ADMIN'];
    },
    mounts: ({ Mounts }) => {
      Mounts.push({ Type: 'volume', Source: 'x', Destination: '/data', Mode: '', RW: true, Propagation: '' });
    },
    devices: ({ HostConfig }) => {
      HostConfig.Devices = [{}];
    },
    networks: ({ NetworkSettings }) => {
      Object.assign(NetworkSettings.Networks, { bridge: {} });
    },
    networkMode: ({ HostConfig }) => {
      HostConfig.NetworkMode = 'host';
    },
    pidNamespace: ({ HostConfig }) => {
      HostConfig.PidMode = 'host';
    },
    ipcNamespace: ({ HostConfig }) => {
      HostConfig.IpcMode = 'host';
    },
    'tmpfs /tmp': ({ HostConfig }) => {
      HostConfig.Tmpfs = { ...HostConfig.Tmpfs, '/tmp': '' };
    },
    'tmpfs /run': ({ HostConfig }) => {
      HostConfig.Tmpfs = { ...HostConfig.Tmpfs, '/run': 'rw,nosuid,nodev' };
    },
    shm: ({ HostConfig }) => {
      HostConfig.ShmSize = 0;
    },
    'ulimit nproc': ({ HostConfig }) => {
      HostConfig.Ulimits = HostConfig.Ulimits?.filter(({ Name }) => Name !== 'nproc') ?? [];
    },
    'ulimit core': ({ HostConfig }) => {
      HostConfig.Ulimits = [];
    },
  };
  for (const [limit, change] of Object.entries(differences)) {
    it(`are refused if "${limit}" was not applied`, () => {
      assert.throws(
        () => checkLimits(options, answer(change)),
        (error) => isSandboxError(error, 'LimitNotApplied') && error.params['limit'] === limit,
      );
    });
  }

  const NONE = { IPAddress: '', GlobalIPv6Address: '', Gateway: '', IPv6Gateway: '', MacAddress: '' };
  const networks: Record<string, { settings?: object; mode?: string }> = {
    'a second network': { settings: { Networks: { none: NONE, bridge: NONE } } },
    'an IPv4 address': { settings: { Networks: { none: { ...NONE, IPAddress: '172.17.0.2' } } } },
    'an IPv6 address': { settings: { Networks: { none: { ...NONE, GlobalIPv6Address: 'fd00::2' } } } },
    'an address of its own': { settings: { Networks: {}, IPAddress: '172.17.0.2' } },
    'a published port': { settings: { Networks: {}, Ports: { '80/tcp': null } } },
    'the default network': { mode: 'default' },
    'no word of its network': { mode: '' },
  };
  for (const [name, { settings = { Networks: {} }, mode = 'none' }] of Object.entries(networks)) {
    it(`are refused with ${name} after the start`, () => {
      const got = answer((info) => {
        Object.assign(info, { NetworkSettings: settings, HostConfig: { ...info.HostConfig, NetworkMode: mode } });
      });
      assert.throws(
        () => {
          checkNetwork(got);
        },
        (error) => isSandboxError(error, 'LimitNotApplied') && /^network/.test(String(error.params['limit'])),
      );
    });
  }

  it('are accepted in the forms of Docker and of Podman for a sandbox without a network', () => {
    for (const Networks of [{ none: NONE }, {}, null]) {
      checkNetwork(
        answer((info) => {
          Object.assign(info, { NetworkSettings: { ...NONE, Ports: {}, Networks } });
        }),
      );
    }
  });

  const mounts: Record<string, object[]> = {
    'no volume': [],
    'a writable volume': [{ ...LIBRARIES, RW: true }],
    'another volume': [{ ...LIBRARIES, Name: 'volume-2' }],
    'another place': [{ ...LIBRARIES, Destination: '/opt' }],
    'a folder of the host': [{ ...LIBRARIES, Type: 'bind', Source: '/volumes/volume-1' }],
    'the volume twice': [LIBRARIES, LIBRARIES],
  };
  for (const [name, found] of Object.entries(mounts)) {
    it(`are refused with ${name} for the libraries`, () => {
      assert.throws(
        () =>
          checkLimits(
            options,
            answer((info) => Object.assign(info, { Mounts: found })),
          ),
        (error) => isSandboxError(error, 'LimitNotApplied') && error.params['limit'] === 'mounts',
      );
    });
  }
});
