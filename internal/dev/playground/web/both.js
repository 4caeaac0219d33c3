// Made of sdk/typescript/src by `go -C tools run ./bundle`: change it there.

// ../sdk/typescript/src/sealed.ts
var Sealed = class {
  constructor(text) {
    this.text = text;
  }
  text;
};
function sealed(text) {
  return new Sealed(text);
}

export {
  Sealed,
  sealed
};
