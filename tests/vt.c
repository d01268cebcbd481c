/* The half of vt.h that both back ends share. */
#include "tests/vt.h"

bool vt_begin(struct vt *t, struct kt *kt, uint32_t frames, uint32_t high, uint32_t swap_pages)
{
    *t = (struct vt){.kt = kt};
    t->pool = kt_pool(kt, frames, high);
    if (!t->pool)
        return false;
    if (swap_pages) {
        t->disk_data = kt_alloc((size_t)swap_pages * PAGE_SIZE);
        if (!t->disk_data) {
            kt_pool_done(kt, t->pool);
            kt_skip(kt, "no memory for the disk");
            return false;
        }
        testdisk_init(&t->disk, t->pool, t->disk_data, swap_pages);
        testdisk_mkswap(&t->disk, NULL, 0);
    }
    int err = vm_init(&t->vm, t->pool);

    EXPECT(err == 0, "vm_init %d", err);
    t->vm.overcommit = COMMIT_ALWAYS; /* pools are small, mappings are not */
    if (!err && swap_pages) {
        err = swap_on(&t->vm, &t->disk.dev);
        EXPECT(err == 0, "swap_on %d", err);
    }
    return true;
}

void vt_end(struct vt *t)
{
    struct kt *kt = t->kt;

    vt_idle();
    EXPECT(vm_verify(&t->vm), "verification at the end");
    vm_fini(&t->vm);
    kt_pool_done(kt, t->pool);
    kt_release(t->disk_data);
}

static uint64_t own_now;

static uint64_t own_time(void *arg)
{
    (void)arg;
    return own_now;
}

void vt_own_time(struct vt *t)
{
    struct pageable *p = &t->vm.pageable;

    own_now = 0;
    t->eyes = *p->half[0].eyes;
    t->eyes.now = own_time;
    p->half[0].eyes = p->half[1].eyes = &t->eyes;
}

void vt_pass(uint64_t ns)
{
    own_now += ns;
}
