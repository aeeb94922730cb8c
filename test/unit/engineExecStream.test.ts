import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { Demuxer, type Source } from '../../src/engine/demux';
import { execStream } from '../../src/engine/exec-stream';

const frame = (type: number, content: string | Buffer, length?: number): Buffer => {
  const body = Buffer.from(content);
  const header = Buffer.from([type, 0, 0, 0, 0, 0, 0, 0]);
  header.writeUInt32BE(length ?? body.length, 4);
  return Buffer.concat([header, body]);
};

function demux(...chunks: Buffer[]): Record<Source, string> {
  const seen = { stdout: '', stderr: '' };
  const demuxer = new Demuxer();
  for (const chunk of chunks) {
    demuxer.push(chunk, (source, piece) => {
      seen[source] += piece.toString('latin1');
    });
  }
  return seen;
}

describe("the engine's frames", () => {
  const frames = Buffer.concat([
    frame(1, 'out1 '),
    frame(2, 'err '),
    frame(1, ''),
    frame(0, 'out2 '),
    frame(1, 'x'.repeat(300)),
  ]);
  const expected = { stdout: `out1 out2 ${'x'.repeat(300)}`, stderr: 'err ' };

  it('are split wherever the data is cut', () => {
    for (let cut = 0; cut <= frames.length; cut++) {
      assert.deepEqual(demux(frames.subarray(0, cut), frames.subarray(cut)), expected);
    }
    assert.deepEqual(demux(...[...frames].map((byte) => Buffer.from([byte]))), expected);
  });

  it('are passed on in pieces, whatever length they claim', () => {
    const seen: number[] = [];
    const demuxer = new Demuxer();
    demuxer.push(frame(1, 'abc', 0xffffffff), (_, piece) => seen.push(piece.length));
    demuxer.push(Buffer.alloc(5), (_, piece) => seen.push(piece.length));
    assert.deepEqual(seen, [3, 5]);
  });

  it('are plain text if the engine sends an error instead', () => {
    const complaint = 'OCI runtime exec failed: no such file\r\n';
    for (let cut = 0; cut < complaint.length; cut++) {
      assert.equal(demux(Buffer.from(complaint.slice(0, cut)), Buffer.from(complaint.slice(cut))).stdout, complaint);
    }
  });

  it('are an error if a later header is invalid', () => {
    assert.throws(() => demux(frame(1, 'a'), Buffer.from('garbage!')));
  });
});

describe('the stream of an exec', () => {
  let server: Server;
  let near: Socket;
  let far: Socket;

  beforeEach(async () => {
    server = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    near = connect((server.address() as AddressInfo).port, '127.0.0.1');
    [far] = (await once(server, 'connection')) as [Socket];
    far.on('error', () => undefined);
  });
  afterEach(() => {
    near.destroy();
    far.destroy();
    server.close();
  });

  it('carries both directions, and half-closes', async () => {
    const { stream, stderr } = execStream(near);
    stream.write('hello ');
    stream.end('there');
    let received = '';
    far.on('data', (chunk: Buffer) => {
      received += chunk.toString();
    });
    await once(far, 'end');
    assert.equal(received, 'hello there');
    far.end(Buffer.concat([frame(1, 'out'), frame(2, 'err')]));
    assert.deepEqual(await Promise.all([text(stream), text(stderr)]), ['out', 'err']);
  });

  it('stops reading while its output is not consumed', async () => {
    const exec = execStream(near);
    const { stream } = exec;
    let accepted = 0;
    const block = frame(1, Buffer.alloc(1024 * 1024));
    const fill = (): void => {
      far.write(block, (error) => {
        if (error) {
          return;
        }
        accepted++;
        if (accepted < 200) {
          fill();
        }
      });
    };
    fill();
    stream.once('readable', () => undefined);
    await new Promise((resolve) => setTimeout(resolve, 500));
    assert.ok(accepted < 50, `${accepted} MB were taken in`);
    assert.ok(stream.readableLength < 1024 * 1024);
    let received = 0;
    stream.on('data', (piece: Buffer) => {
      received += piece.length;
    });
    while (received < 200 * 1024 * 1024) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    exec.destroy();
  });

  it('is not blocked by a stderr that is not read', async () => {
    const { stream, stderr } = execStream(near);
    for (let i = 0; i < 64; i++) {
      far.write(frame(2, Buffer.alloc(64 * 1024)));
    }
    far.end(frame(1, 'done'));
    assert.equal(await text(stream), 'done');
    assert.ok(stderr.readableLength <= 512 * 1024);
  });

  for (const [how, cut] of [
    ['in the middle of a frame', () => far.end(frame(1, 'half', 100))],
    [
      'by a reset',
      () => {
        far.write(frame(1, 'half'));
        setTimeout(() => far.resetAndDestroy(), 50);
      },
    ],
    ['by frames that make no sense', () => far.write(Buffer.concat([frame(1, 'half'), Buffer.from('garbage!')]))],
  ] as const) {
    it(`ends like a process that ends when it is cut ${how}, and never throws`, async () => {
      const { stream, stderr } = execStream(near);
      const closed = once(stream, 'close');
      cut();
      assert.deepEqual(await Promise.all([text(stream), text(stderr)]), ['half', '']);
      await closed;
      stream.write('into the void');
    });
  }

  it('can be destroyed twice, also while it is being written', async () => {
    const exec = execStream(near);
    const { stream } = exec;
    stream.write(Buffer.alloc(10 * 1024 * 1024));
    const closed = once(stream, 'close');
    exec.destroy();
    exec.destroy();
    await closed;
    stream.write('x');
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.ok(near.destroyed);
  });
});
