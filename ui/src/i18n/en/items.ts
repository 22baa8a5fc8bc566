export const items = {
  title: "Items",
  kinds: {
    dataset: { one: "Dataset", many: "Datasets" },
    model: { one: "Model", many: "Models" },
    task: { one: "Task", many: "Tasks" },
    artifact: { one: "Artifact", many: "Artifacts" },
  },
};
