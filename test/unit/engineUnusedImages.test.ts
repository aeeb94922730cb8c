import assert from 'node:assert/strict';
import { lastUse, unusedImages, type ListedImage } from '../../src/engine/image/unused';

const DAY = 24 * 3600_000;
const NOW = Date.parse('2026-11-30T12:00:00Z');
const OURS = { 'sandboxed-ipython.version': '3', 'sandboxed-ipython.base': 'python:3.13-slim' };
const MB = 2 ** 20;

/** An image of ours that was created this number of days ago. */
const image = (
  Id: string,
  RepoTags: string[] | null,
  days: number,
  change: Partial<ListedImage> = {},
): ListedImage => ({
  Id,
  RepoTags: RepoTags as string[],
  ParentId: '',
  Created: (NOW - days * DAY) / 1000,
  Size: 300 * MB,
  Labels: OURS,
  ...change,
});
const base = image('base', ['python:3.13-slim'], 100, { Labels: null as never, Size: 200 * MB });
const chain = (name: string, days: number, used: string[] = []): ListedImage[] => [
  image(`k-${name}`, [`sandboxed-ipython/kernel:${name}`, ...used], days, { ParentId: `p-${name}`, Size: 301 * MB }),
  image(`p-${name}`, [`sandboxed-ipython/packages:${name}`], days, { ParentId: 'base' }),
];
const idsOf = (
  images: ListedImage[],
  { inUse = [], current = [], before }: { inUse?: string[]; current?: string[]; before?: number } = {},
): string[] =>
  unusedImages([...images, base], new Set(inUse), new Set(current), before === undefined ? {} : { before }).map(
    ({ id }) => id,
  );

describe('an unused image of ours', () => {
  it('is listed with the size that only it uses, its base and its last use', () => {
    const [kernel, packages] = unusedImages([...chain('a', 20), base], new Set(), new Set());
    assert.deepEqual(kernel, {
      id: 'k-a',
      name: 'sandboxed-ipython/kernel:a',
      base: 'python:3.13-slim',
      bytes: MB,
      lastUse: NOW - 20 * DAY,
    });
    assert.equal(packages?.bytes, 100 * MB);
  });

  it('is not an image that a container uses or that the settings name, nor its parent image', () => {
    assert.deepEqual(idsOf([...chain('a', 20), ...chain('b', 20)], { inUse: ['k-a'] }), ['k-b', 'p-b']);
    assert.deepEqual(idsOf([...chain('a', 20), ...chain('b', 20)], { current: ['sandboxed-ipython/kernel:b'] }), [
      'k-a',
      'p-a',
    ]);
  });

  it('is not an image that the user has named or has made from ours, whatever labels it inherited', () => {
    assert.deepEqual(
      idsOf([
        image('x', ['mine:1'], 20),
        image('y', ['sandboxed-ipython/kernel:y', 'mine:2'], 20),
        image('z', ['sandboxed-ipython-test/kernel:z'], 20),
      ]),
      [],
    );
    assert.deepEqual(idsOf([...chain('a', 20), image('mine', ['mine:1'], 1, { ParentId: 'k-a', Labels: {} })]), []);
  });

  it('may be an image whose tag a newer one took, or one that Podman names with a registry', () => {
    assert.deepEqual(
      idsOf([
        image('old', null, 20),
        image('none', ['<none>:<none>'], 20),
        image('pod', ['localhost/sandboxed-ipython/kernel:p', 'docker.io/sandboxed-ipython/used:p-20261101'], 40),
      ]),
      ['old', 'none', 'pod'],
    );
    assert.deepEqual(
      idsOf([image('pod', ['localhost/sandboxed-ipython/kernel:p'], 40)], { current: ['sandboxed-ipython/kernel:p'] }),
      [],
    );
  });

  it('is removed by itself two weeks after its last use, not after its creation', () => {
    const before = NOW - 14 * DAY;
    assert.deepEqual(
      idsOf(
        [
          ...chain('old', 20),
          ...chain('used', 100, ['sandboxed-ipython/used:used-20261120']),
          ...chain('new', 3),
          ...chain('marked', 90, ['sandboxed-ipython/used:marked-20261101']),
        ],
        { before },
      ),
      ['k-old', 'p-old', 'k-marked', 'p-marked'],
    );
    assert.equal(
      lastUse(
        ['sandboxed-ipython/used:x-20261120', 'sandboxed-ipython/used:x-20261118', 'sandboxed-ipython/used:x-2026'],
        0,
      ),
      Date.parse('2026-11-20'),
    );
  });
});
