// Runs a model of @vladmandic/face-api once for each line of input; prints the milliseconds.
//
//     node run.js FOLDER MODEL PIXELS RESULTS HEIGHTxWIDTH ...
//
// FOLDER has the packages in its node_modules. PIXELS is a file of RGB pictures of these sizes, one
// behind the other. RESULTS is written by the first run, as JSON: what the backend is, and the
// numbers of each picture. The clock runs from pixels to numbers; detectors take a picture at a
// time, and the others all of them in an array, which becomes one batch.

'use strict';

const fs = require('fs');
const path = require('path');
const readline = require('readline');
const { createRequire } = require('module');

const [folder, name, pixels, results, ...sizes] = process.argv.slice(2);
const load = createRequire(path.resolve(folder, 'package.json'));
const wasm = load('@tensorflow/tfjs-backend-wasm');
const faceapi = load('@vladmandic/face-api/dist/face-api.node-wasm.js');
const { nets, tf } = faceapi;

const eachPicture = (options) => async (tensors) => {
  const found = [];
  for (const tensor of tensors) {
    const faces = await faceapi.detectAllFaces(tensor, options);
    found.push(faces.map(({ box, score }) => [box.left, box.top, box.right, box.bottom, score]));
  }
  return found;
};

const landmarks = (net) => async (tensors) => {
  const faces = await net.detectLandmarks(tensors);
  return faces.map((face) => face.positions.map(({ x, y }) => [x, y]));
};

const EXPRESSIONS = ['neutral', 'happy', 'sad', 'angry', 'fearful', 'disgusted', 'surprised'];

const MODELS = {
  ssd: [
    nets.ssdMobilenetv1,
    () => eachPicture(new faceapi.SsdMobilenetv1Options({ minConfidence: 0.5 })),
  ],
  tiny: [
    nets.tinyFaceDetector,
    () => eachPicture(new faceapi.TinyFaceDetectorOptions({ inputSize: 416, scoreThreshold: 0.5 })),
  ],
  landmarks: [nets.faceLandmark68Net, landmarks],
  landmarks_tiny: [nets.faceLandmark68TinyNet, landmarks],
  recognition: [
    nets.faceRecognitionNet,
    (net) => async (tensors) => {
      const faces = await net.computeFaceDescriptor(tensors);
      return faces.map((vector) => Array.from(vector));
    },
  ],
  expressions: [
    nets.faceExpressionNet,
    (net) => async (tensors) => {
      const faces = await net.predictExpressions(tensors);
      return faces.map((face) => EXPRESSIONS.map((expression) => face[expression]));
    },
  ],
  age_gender: [
    nets.ageGenderNet,
    (net) => async (tensors) => {
      const faces = await net.predictAgeAndGender(tensors);
      return faces.map(({ age, gender, genderProbability: p }) => [
        age,
        gender === 'male' ? p : 1 - p,
      ]);
    },
  ],
};

function readPictures() {
  const bytes = fs.readFileSync(pixels);
  let at = 0;
  return sizes.map((size) => {
    const [height, width] = size.split('x').map(Number);
    const rgb = new Uint8Array(bytes.subarray(at, at + height * width * 3));
    at += rgb.length;
    return { rgb, shape: [height, width, 3] };
  });
}

async function main() {
  const files = path.dirname(load.resolve('@tensorflow/tfjs-backend-wasm'));
  wasm.setWasmPaths(`${files}${path.sep}`);
  await tf.setBackend('wasm');
  await tf.ready();
  const [net, make] = MODELS[name];
  const model = path.join(path.dirname(load.resolve('@vladmandic/face-api')), '..', 'model');
  await net.loadFromDisk(model);
  const work = make(net);
  const pictures = readPictures();
  const about = {
    version: faceapi.version,
    backend: tf.getBackend(),
    simd: await tf.env().getAsync('WASM_HAS_SIMD_SUPPORT'),
    threads: await tf.env().getAsync('WASM_HAS_MULTITHREAD_SUPPORT'),
  };
  let written = false;
  for await (const _ of readline.createInterface({ input: process.stdin })) {
    const start = process.hrtime.bigint();
    const tensors = pictures.map(({ rgb, shape }) => tf.tensor3d(rgb, shape, 'int32'));
    const numbers = await work(tensors);
    tensors.forEach((tensor) => tensor.dispose());
    const elapsed = Number(process.hrtime.bigint() - start) / 1e6;
    if (!written) {
      fs.writeFileSync(results, JSON.stringify({ about, numbers }));
      written = true;
    }
    process.stdout.write(`${elapsed}\n`);
  }
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
