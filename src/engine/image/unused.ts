import type Docker from 'dockerode';
import type { UnusedImage } from '../engine';
import { engineReason, isNotFound } from '../request';
import { LABELS } from '../specification';
import type { ImageContext } from './context';

const DAY_MS = 24 * 3600_000;
/** An image that nobody has used for this long is removed automatically. */
export const IMAGE_KEPT_MS = 14 * DAY_MS;
/**
 * Tags of this repository record when an image was last used, as `<its tag>-<yyyymmdd>`. An engine does not record that itself, and all
 * windows and all users of an engine, whose settings may differ, see the tags.
 */
const USED = 'sandboxed-ipython/used';
/** Podman adds a registry to names without one. */
const OURS = /^(?:docker\.io\/|localhost\/)?sandboxed-ipython\/(?:packages|kernel|used):(.+)$/;
const USED_ON = /sandboxed-ipython\/used:\w+-(\d{4})(\d{2})(\d{2})$/;

/** An image as an engine lists it. */
export type ListedImage = Pick<Docker.ImageInfo, 'Id' | 'ParentId' | 'RepoTags' | 'Created' | 'Size' | 'Labels'>;

/** The names of an image. The engine's list of them is null or contains `<none>:<none>` if there are none. */
const namesOf = ({ RepoTags }: Pick<ListedImage, 'RepoTags'>): string[] =>
  ((RepoTags as string[] | null | undefined) ?? []).filter((name) => !name.includes('<none>'));
const short = (name: string): string => name.replace(/^(?:docker\.io|localhost)\//, '');

/** Time of the last mark or of the creation, in milliseconds since 1970. @param created milliseconds since 1970 */
export const lastUse = (names: readonly string[], created: number): number =>
  Math.max(
    created,
    ...names.flatMap((name) => {
      const [, ...date] = USED_ON.exec(name) ?? [];
      const day = Date.parse(date.join('-'));
      return Number.isNaN(day) ? [] : [day];
    }),
  );

/**
 * Finds the images that this extension built and that nobody else has tagged, no container uses and `current` does not name. An image is
 * not among them if an image that stays is built from it.
 */
export function unusedImages(
  images: readonly ListedImage[],
  inUse: ReadonlySet<string>,
  current: ReadonlySet<string>,
  { before = Infinity } = {},
): UnusedImage[] {
  const isOurs = (image: ListedImage): boolean =>
    LABELS.version in ((image.Labels as object | null) ?? {}) && namesOf(image).every((name) => OURS.test(name));
  const stays = (image: ListedImage): boolean =>
    !isOurs(image) ||
    inUse.has(image.Id) ||
    namesOf(image).some((name) => current.has(short(name))) ||
    lastUse(namesOf(image), image.Created * 1000) >= before;
  const byId = new Map(images.map((image) => [image.Id, image]));
  const needed = new Set<string>();
  for (const image of images.filter(stays)) {
    for (
      let parent = byId.get(image.ParentId);
      parent !== undefined && !needed.has(parent.Id);
      parent = byId.get(parent.ParentId)
    ) {
      needed.add(parent.Id);
    }
  }
  return images
    .filter((image) => !stays(image) && !needed.has(image.Id))
    .map((image) => {
      const names = namesOf(image);
      const { Id: id, Created, Size, ParentId, Labels } = image;
      return {
        id,
        name: names.map(short).find((name) => !name.startsWith(USED)) ?? id.replace(/^sha256:/, '').slice(0, 12),
        base: Labels[LABELS.base] ?? '',
        // its size without the parent image, if the engine tells the parent
        bytes: Math.max(0, Size - (byId.get(ParentId)?.Size ?? 0)),
        lastUse: lastUse(names, Created * 1000),
      };
    });
}

/** @param current names of images to leave out @param limits `before`: only images not used since, in milliseconds since 1970 */
export async function findUnused(
  { docker, requests }: ImageContext,
  current: ReadonlySet<string>,
  limits?: { before: number },
): Promise<UnusedImage[]> {
  const images = await requests.run('list images', (abortSignal) => {
    const options = { all: true, abortSignal };
    return docker.listImages(options);
  });
  const containers = await requests.run('list containers', (abortSignal) => {
    const options = { all: true, abortSignal };
    return docker.listContainers(options);
  });
  return unusedImages(images, new Set(containers.map(({ ImageID }) => ImageID)), current, limits);
}

/**
 * Removes an image by all its names. An engine refuses to remove an image that a container uses or another image is built from. True if the
 * image no longer exists.
 */
export async function removeOurs({ docker, requests, log }: ImageContext, id: string): Promise<boolean> {
  const remove = (name: string): Promise<unknown> =>
    requests.run('remove image', (abortSignal) => docker.getImage(name).remove({ abortSignal } as object));
  try {
    const { RepoTags } = await requests.run('inspect image', (abortSignal) =>
      docker.getImage(id).inspect({ abortSignal } as object),
    );
    const names = namesOf({ RepoTags });
    if (!names.every((name) => OURS.test(name))) {
      return false;
    }
    for (const name of names) {
      await remove(name);
    }
    if (names.length === 0) {
      await remove(id);
    }
    return true;
  } catch (error) {
    if (isNotFound(error)) {
      return true;
    }
    log.debug(`engine: the image ${id} stays, ${engineReason(error)}`);
    return false;
  }
}

/** Marks images on the engine as used today, unless they were marked or created within the last day. Never rejects. */
export async function markUsed(
  { docker, requests, log }: ImageContext,
  names: readonly string[],
  known: { tags: readonly string[]; created: number },
): Promise<void> {
  const now = Date.now();
  if (now - lastUse(known.tags, known.created) < DAY_MS) {
    return;
  }
  const today = new Date(now).toISOString().slice(0, 10).replaceAll('-', '');
  for (const name of names) {
    const tag = `${name.split(':')[1] ?? ''}-${today}`;
    try {
      await requests.run('tag image', (abortSignal) => {
        const options = { repo: USED, tag, abortSignal };
        return docker.getImage(name).tag(options);
      });
      const { RepoTags } = await requests.run('inspect image', (abortSignal) =>
        docker.getImage(name).inspect({ abortSignal } as object),
      );
      for (const old of namesOf({ RepoTags }).filter((one) => USED_ON.test(one) && !one.endsWith(`:${tag}`))) {
        await requests.run('remove image', (abortSignal) => docker.getImage(old).remove({ abortSignal } as object));
      }
    } catch (error) {
      log.debug(`engine: ${name} is not marked as used, ${engineReason(error)}`);
    }
  }
}
