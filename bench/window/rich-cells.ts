import { randomBytes } from 'node:crypto';

/** A PNG of noise, so that neither kernel can compress it. */
export const MAKE_IMAGE = `
import os, struct, zlib
from IPython.display import HTML, Image, display
def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
side = 1826
rows = b"".join(b"\\0" + os.urandom(side * 3) for _ in range(side))
image = b"\\x89PNG\\r\\n\\x1a\\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)) + chunk(b"IDAT", zlib.compress(rows, 0)) + chunk(b"IEND", b"")`;
export const MAKE_TABLE = `
from IPython.display import HTML, display
table = "<table>" + "".join("<tr>" + "".join(f"<td>{row}.{column} " + "x" * 990 + "</td>" for column in range(10)) + "</tr>" for row in range(2_000)) + "</table>"`;

export const SHOW_IMAGE = 'display(Image(data=image))';
export const SHOW_TABLE = 'display(HTML(table))';

export interface RichOutput {
  readonly mime: string;
  readonly data: Uint8Array;
}

/** Outputs of the same size and type by the source of the cell that makes them; they need no kernel. */
const RICH_OUTPUTS: ReadonlyMap<string, () => RichOutput> = new Map([
  [MAKE_IMAGE, () => ({ mime: 'image/png', data: randomBytes(10_000_000) })],
  [
    MAKE_TABLE,
    () => ({
      mime: 'text/html',
      data: Buffer.from(`<table>${`<tr>${`<td>${'x'.repeat(996)}</td>`.repeat(10)}</tr>`.repeat(2_000)}</table>`),
    }),
  ],
]);

/** Returns the output that the cell with this source prepares; undefined if the cell prepares none. */
export const richOutputOf = (source: string): RichOutput | undefined => RICH_OUTPUTS.get(source)?.();
