"use strict";
// What a plan looks like: features of GeoJSON in local metres (x right, y up) as shapes of SVG (y down). No state.

const SVG = "http://www.w3.org/2000/svg";

function shape(tag, attributes, ...inside) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...inside);
  return element;
}

function round(value) {
  return Math.round(value * 1000) / 1000;
}

// The corners of a feature as a list of [x, y], which may be changed; a polygon's last corner repeats its first.
function corners(feature) {
  const { type, coordinates } = feature.geometry;
  if (type === "Point") return [coordinates];
  if (type === "Polygon") return coordinates[0].slice(0, -1);
  return type === "LineString" ? coordinates : [];
}

function setCorners(feature, points) {
  const rounded = points.map(([x, y]) => [round(x), round(y)]);
  const { type } = feature.geometry;
  if (type === "Point") feature.geometry.coordinates = rounded[0];
  else if (type === "Polygon") feature.geometry.coordinates[0] = [...rounded, [...rounded[0]]];
  else feature.geometry.coordinates = rounded;
}

function middle(feature) {
  const points = corners(feature);
  return [0, 1].map((axis) => points.reduce((sum, point) => sum + point[axis], 0) / (points.length || 1));
}

// The shape of a feature; `flip` turns a place of the plan into one of the picture, `size` is that of a symbol in metres.
function drawn(feature, flip, size) {
  const { kind, length_m: length = 4.6, width_m: width = 1.9, heading_deg: heading = 0 } = feature.properties;
  const points = corners(feature).map(flip);
  const listed = points.map((point) => point.join(",")).join(" ");
  if (feature.geometry.type === "Polygon") return shape("polygon", { points: listed, class: kind, "stroke-width": size / 8 });
  if (feature.geometry.type === "LineString") return shape("polyline", { points: listed, class: kind, "stroke-width": size / 3 });
  const [x, y] = points[0];
  if (kind === "car") {
    const box = { x: x - length / 2, y: y - width / 2, width: length, height: width, rx: width / 4, class: kind };
    return shape("rect", { ...box, transform: `rotate(${-heading} ${x} ${y})` });
  }
  if (kind === "hub") return shape("circle", { cx: x, cy: y, r: size / 2, class: kind });
  return shape("rect", { x: x - size / 2, y: y - size / 2, width: size, height: size, class: kind });
}

function created(kind, id, [x, y], [wide, high]) {
  const properties = { kind, id };
  if (kind === "hub") properties.z_m = 2.8;
  if (kind === "car") Object.assign(properties, { length_m: 4.6, width_m: 1.9, heading_deg: 0 });
  const [w, h] = [Math.min(4, wide / 2) / 2, Math.min(3, high / 2) / 2];
  const ring = [[x - w, y - h], [x + w, y - h], [x + w, y + h], [x - w, y + h]];
  const feature = { type: "Feature", properties, geometry: { type: "Point", coordinates: [0, 0] } };
  if (kind === "zone" || kind === "blocked") feature.geometry = { type: "Polygon", coordinates: [[]] };
  if (kind === "wall") feature.geometry = { type: "LineString", coordinates: [] };
  setCorners(feature, feature.geometry.type === "Polygon" ? ring : kind === "wall" ? [[x - w, y], [x + w, y]] : [[x, y]]);
  return feature;
}
