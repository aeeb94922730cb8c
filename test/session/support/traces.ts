import { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { extract } from 'tar-stream';
import { execStream } from '../../../src/engine/exec-stream';
import { docker } from '../engineTools';

/** Searches for secrets in everything that an engine stores and shows. */
export class Traces {
  private readonly needles: Buffer[];

  constructor(needles: readonly string[]) {
    this.needles = needles.map((needle) => Buffer.from(needle));
  }

  inText(where: string, text: string): string[] {
    return this.found(Buffer.from(text)) ? [where] : [];
  }

  /**
   * Searches the configuration and every layer of images as the engine exports them; compressed layers are unpacked.
   */
  async inImages(names: readonly string[]): Promise<{ found: string[]; bytes: number }> {
    const archive = extract();
    const saved = await new Promise<Readable>((resolve, reject) => {
      docker.modem.dial(
        { path: '/images/get?', method: 'GET', options: { names }, isStream: true, statusCodes: { 200: true } },
        (error, stream) => {
          if (error) {
            reject(error);
          } else {
            resolve(stream as Readable);
          }
        },
      );
    });
    saved.on('error', (error) => archive.destroy(error)).pipe(archive);
    const found = new Set<string>();
    let bytes = 0;
    for await (const entry of archive) {
      const { name } = entry.header;
      for await (const seen of this.windows(await unpacked(entry as unknown as Readable, name))) {
        bytes += seen.length;
        if (this.found(seen)) {
          found.add(name);
        }
      }
    }
    return { found: [...found], bytes };
  }

  /**
   * Searches every file, environment and command line in a running container that one of these users may read. Files
   * that none of them may read are the image's. The secrets are passed on stdin, which is not searched.
   */
  async inContainer(
    id: string,
    interpreter: string,
    users: readonly string[],
  ): Promise<{ found: string[]; files: number }> {
    const all = await Promise.all(users.map((user) => this.inContainerAs(user, id, interpreter)));
    return { found: all.flatMap(({ found }) => found), files: Math.max(...all.map(({ files }) => files)) };
  }

  private async inContainerAs(
    user: string,
    id: string,
    interpreter: string,
  ): Promise<{ found: string[]; files: number }> {
    const exec = await docker.getContainer(id).exec({
      Cmd: [interpreter, '-I', '-c', SCAN],
      User: user,
      AttachStdin: true,
      AttachStdout: true,
      AttachStderr: true,
    });
    const { stream, stderr } = execStream(await exec.start({ hijack: true, stdin: true }));
    let said = '';
    for (const output of [stream, stderr]) {
      output.on('data', (chunk: Buffer) => {
        said += chunk.toString();
      });
    }
    stream.end(JSON.stringify(this.needles.map((needle) => needle.toString())));
    await new Promise((ended) => stream.once('close', ended));
    return JSON.parse(said) as { found: string[]; files: number };
  }

  private found(seen: Buffer): boolean {
    return this.needles.some((needle) => seen.includes(needle));
  }

  /** Yields the chunks of a stream, each after the end of the previous one, because a secret may span two chunks. */
  private async *windows(stream: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    const overlap = Math.max(...this.needles.map(({ length }) => length)) - 1;
    let tail = Buffer.alloc(0);
    for await (const chunk of stream) {
      const seen = Buffer.concat([tail, chunk]);
      yield seen;
      tail = seen.subarray(-overlap);
    }
  }
}

async function unpacked(stream: Readable, name: string): Promise<AsyncIterable<Buffer>> {
  const chunks = (stream as AsyncIterable<Buffer>)[Symbol.asyncIterator]();
  const first = await chunks.next();
  const head = first.done ? Buffer.alloc(0) : first.value;
  const whole = async function* (): AsyncGenerator<Buffer> {
    yield head;
    for (let next = await chunks.next(); !next.done; next = await chunks.next()) {
      yield next.value;
    }
  };
  if (head.length >= 4 && head.readUInt32LE(0) === 0xfd2fb528) {
    throw new Error(`${name} is packed in a way that this test cannot look into`);
  }
  if (head[0] !== 0x1f || head[1] !== 0x8b) {
    return whole();
  }
  return Readable.from(whole()).pipe(createGunzip());
}

const SCAN = `
import json, os, stat, sys
needles = [needle.encode() for needle in json.load(sys.stdin)]
overlap = max(map(len, needles)) - 1
found, files = [], 0
def look(path):
    tail = b""
    with open(path, "rb", buffering=0) as file:
        while True:
            chunk = file.read(1 << 20)
            if not chunk:
                return False
            seen = tail + chunk
            if any(needle in seen for needle in needles):
                return True
            tail = seen[-overlap:]
paths = ["/proc/%s/%s" % (pid, name) for pid in os.listdir("/proc") if pid.isdigit() and pid != str(os.getpid()) for name in ("environ", "cmdline", "mountinfo", "mounts")]
for folder, folders, names in os.walk("/"):
    folders[:] = [name for name in folders if os.path.join(folder, name) not in ("/proc", "/sys")]
    paths += [os.path.join(folder, name) for name in names]
for path in paths:
    try:
        if path.startswith("/proc/") or stat.S_ISREG(os.lstat(path).st_mode):
            if look(path):
                found.append(path)
            files += 1
    except (FileNotFoundError, PermissionError, ProcessLookupError):
        pass
print(json.dumps({"found": found, "files": files}))
`;
