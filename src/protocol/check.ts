import { MESSAGE_ID, type Failure, type JsonObject, type MimeBundle } from './messages';

/**
 * Checks on values from `JSON.parse`. Each function returns the value with its type, or throws {@link Invalid} with the name of the field.
 */
export class Invalid extends Error {}

export type Fields = Record<string, unknown>;

const MAX_DEPTH = 200;
/** UTF-16 units. */
const MAX_NAME_LENGTH = 256;
const MAX_ITEMS = 10_000;
const MAX_MIME_TYPES = 100;
const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;

const bad = (field: string): never => {
  throw new Invalid(field);
};

export function fields(value: unknown, field: string): Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : bad(field);
}

export const text = (value: unknown, field: string): string => (typeof value === 'string' ? value : bad(field));

/** A name of an exception, code or version. A long one is cut and not refused, because a cell may define any name. */
export const name = (value: unknown, field: string): string => text(value, field).slice(0, MAX_NAME_LENGTH);

/** A name that identifies something. A long one is refused, because two names could become equal when they are cut. */
export function key(value: unknown, field: string): string {
  const checked = text(value, field);
  return checked !== '' && checked.length <= MAX_NAME_LENGTH ? checked : bad(field);
}

/** Binary data as base64; '' is allowed. */
export function base64(value: unknown, field: string): string {
  const checked = text(value, field);
  return checked.length % 4 === 0 && BASE64.test(checked) ? checked : bad(field);
}

export const flag = (value: unknown, field: string): boolean => (typeof value === 'boolean' ? value : bad(field));

/** An integer from 0: a count or position. */
export function count(value: unknown, field: string): number {
  return Number.isSafeInteger(value) && (value as number) >= 0 ? (value as number) : bad(field);
}

export const countOrNull = (value: unknown, field: string): number | null =>
  value === null ? null : count(value, field);

export const number = (value: unknown, field: string): number =>
  typeof value === 'number' && Number.isFinite(value) ? value : bad(field);

export function id(value: unknown, field: string): string {
  return typeof value === 'string' && MESSAGE_ID.test(value) && value !== '__proto__' ? value : bad(field);
}

/** An id, or '' for an event that belongs to no command. */
export const idOrEmpty = (value: unknown, field: string): string => (value === '' ? '' : id(value, field));

export function oneOf<const T extends readonly string[]>(allowed: T): (value: unknown, field: string) => T[number] {
  return (value, field) => allowed.find((one) => one === value) ?? bad(field);
}

export function list<T>(value: unknown, field: string, item: (value: unknown, field: string) => T): T[] {
  return Array.isArray(value) && value.length <= MAX_ITEMS ? value.map((one: unknown) => item(one, field)) : bad(field);
}

export const optional = <T>(
  value: unknown,
  field: string,
  check: (value: unknown, field: string) => T,
): T | undefined => (value === undefined ? undefined : check(value, field));

/**
 * Any JSON object of limited depth, so that recursive code such as `JSON.stringify` can process it. Removes `__proto__` keys at every level,
 * because copying an object with such a key by `Object.assign` would change a prototype. Works without recursion.
 */
export function json(value: unknown, field: string): JsonObject {
  const root = fields(value, field);
  let level: object[] = [root];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > MAX_DEPTH) {
      bad(`${field} (too deep)`);
    }
    const next: object[] = [];
    for (const node of level) {
      if (Object.hasOwn(node, '__proto__')) {
        delete (node as Fields)['__proto__'];
      }
      for (const child of Object.values(node) as unknown[]) {
        if (typeof child === 'object' && child !== null) {
          next.push(child);
        }
      }
    }
    level = next;
  }
  return root as JsonObject;
}

/** Removes entries whose key is not a MIME type. */
export function mimeBundle(value: unknown, field: string): MimeBundle {
  const entries = Object.entries(json(value, field)).filter(([type]) => /^[\w.+-]{1,127}\/[ -~]{1,127}$/.test(type));
  return Object.fromEntries(entries.slice(0, MAX_MIME_TYPES));
}

export function failure(value: unknown, field: string): Failure {
  const raw = fields(value, field);
  const params: Failure['params'] = {};
  for (const [key, param] of Object.entries(fields(raw['params'], `${field}.params`)).slice(0, 20)) {
    if (key === '__proto__' || key.length > MAX_NAME_LENGTH) {
      continue;
    }
    if (typeof param === 'string') {
      params[key] = param.slice(0, 4096);
    } else if (typeof param === 'boolean' || (typeof param === 'number' && Number.isFinite(param))) {
      params[key] = param;
    }
  }
  return { code: name(raw['code'], `${field}.code`), params };
}

export const jsonList = (value: unknown, field: string): JsonObject[] => list(value, field, json);
