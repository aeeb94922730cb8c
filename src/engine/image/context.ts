import type Docker from 'dockerode';
import type { Log } from '../../log';
import type { Requests } from '../request';

/** The dependencies of every step that builds an image. */
export interface ImageContext {
  docker: Docker;
  requests: Requests;
  log: Log;
}

/** Codes of the steps, for which `src/messages` has the texts. */
export type ImageStep =
  | 'waitingForOther'
  | 'pullingBase'
  | 'startingContainer'
  | 'checkingBase'
  | 'installingPackages'
  | 'copyingRunner'
  | 'testing'
  | 'committing';
