import type Docker from 'dockerode';
import type { Log } from '../../log';
import type { Requests } from '../request';

/** What every step of making an image needs. */
export interface ImageContext {
  docker: Docker;
  requests: Requests;
  log: Log;
}

/** Steps, as codes of `src/messages.ts`. */
export type ImageStep =
  | 'waitingForOther'
  | 'pullingBase'
  | 'startingContainer'
  | 'checkingBase'
  | 'installingPackages'
  | 'copyingRunner'
  | 'testing'
  | 'committing';
