/** Why a drill could not be held at all; says nothing about the service's promises. Its message is for the person who started it. */
export class CannotDrill extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'CannotDrill';
  }
}
